"""Adds the commands that need Ray to the `baukasten` CLI; nothing is imported until one runs."""

from __future__ import annotations

from collections.abc import Sequence

from baukasten_core.contracts.commands import Command
from baukasten_core.hookspecs import hookimpl


@hookimpl
def register_commands() -> Sequence[Command]:
    """The commands of `baukasten_serve.commands`."""
    return [
        Command("up", f"{COMMANDS}.up:up", "Start the platform on this machine."),
        Command("down", f"{COMMANDS}.down:down", "Stop the platform of this home."),
        Command("status", f"{COMMANDS}.status:status", "What runs, where, and how it is."),
        Command("doctor", f"{COMMANDS}.doctor:doctor", "Check what the platform needs."),
        Command("smoke", f"{COMMANDS}.smoke:smoke", "Try the API's calls against an address."),
        Command("bench", f"{COMMANDS}.bench:bench", "Run a benchmark of this checkout."),
        Command(
            "ray-env", f"{COMMANDS}.ray_env:ray_env", "The environment for a Ray cluster of yours."
        ),
    ]


COMMANDS = "baukasten_serve.commands"
