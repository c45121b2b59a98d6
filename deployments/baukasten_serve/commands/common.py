"""What the commands share: reading the configuration, and saying what is wrong."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec, TypeVar

import click

from baukasten_core.errors import BaukastenError, SettingsError
from baukasten_core.settings import Settings, load_settings
from baukasten_serve.config import ServeConfig, default_path, read_config

P = ParamSpec("P")
R = TypeVar("R")

config_option = click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The configuration file [default: serve_config.yaml here, else the one that ships].",
)


def read(config_path: Path | None) -> tuple[ServeConfig, Settings]:
    """The configuration file and the settings that result from it and the environment."""
    config = read_config(config_path or default_path())
    try:
        return config, load_settings(config.settings)
    except ValueError as error:
        raise SettingsError(str(error)) from None


def says_what_is_wrong(command: Callable[P, R]) -> Callable[P, R]:
    """Errors of ours become a sentence on standard error and exit status 1."""

    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except BaukastenError as error:
            click.echo(f"Error: {error.detail}", err=True)
            if error.hint:
                click.echo(f"  {error.hint}", err=True)
            sys.exit(1)

    return wrapped
