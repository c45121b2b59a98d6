"""What the commands share: reading the configuration."""

from __future__ import annotations

from pathlib import Path

import click

from baukasten_core.errors import SettingsError
from baukasten_core.settings import Settings, load_settings
from baukasten_serve.config import ServeConfig, default_path, read_config

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


def local_url(settings: Settings) -> str:
    """The platform's address for this machine."""
    host = settings.server.host
    if host in ("0.0.0.0", "::"):  # noqa: S104
        host = "127.0.0.1"
    return (
        f"http://[{host}]:{settings.server.port}"
        if ":" in host
        else (f"http://{host}:{settings.server.port}")
    )
