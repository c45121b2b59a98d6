"""`baukasten ray-env`."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from baukasten_serve.commands.common import config_option, read


@click.command()
@config_option
def ray_env(config_path: Path | None) -> None:
    """Print the environment that a Ray cluster of your own needs.

    Use it before `ray start` on every node:  eval "$(baukasten ray-env)"
    """
    from baukasten_serve.environment import secure_environment

    _, settings = read(config_path)
    for name, value in secure_environment(settings.home).items():
        click.echo(f"export {name}={shlex.quote(value)}")
