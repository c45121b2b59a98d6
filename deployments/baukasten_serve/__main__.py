"""`python -m baukasten_serve COMMAND`: our commands without the core's CLI around them."""

import importlib

import click

from baukasten_serve.plugin import register_commands


@click.group()
def main() -> None:
    """The commands of baukasten-serve."""


for _command in register_commands():
    _module, _, _attribute = _command.target.partition(":")
    try:
        main.add_command(getattr(importlib.import_module(_module), _attribute), _command.name)
    except ModuleNotFoundError:
        continue

if __name__ == "__main__":
    main()
