"""`python -m baukasten_serve COMMAND`: our commands where the package is not installed."""

from __future__ import annotations

import importlib
import sys

import click

from baukasten_core.errors import BaukastenError
from baukasten_serve.plugin import register_commands


@click.group()
def group() -> None:
    """The commands of baukasten-serve."""


def main() -> None:
    """As the core's CLI does it: an error of ours is a sentence on standard error."""
    for command in register_commands():
        module, _, attribute = command.target.partition(":")
        group.add_command(getattr(importlib.import_module(module), attribute), command.name)
    try:
        group()
    except BaukastenError as error:
        click.echo(f"Error: {error.detail}", err=True)
        if error.hint:
            click.echo(error.hint, err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
