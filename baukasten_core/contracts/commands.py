"""A command a plugin adds to the `baukasten` CLI."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Command:
    """Named lazily, so that `baukasten --help` imports no plugin's code.

    Attributes:
        name: what the user types after `baukasten`.
        target: `package.module:attribute` of a `click.Command`.
        help: the line shown by `baukasten --help`.
    """

    name: str
    target: str
    help: str
