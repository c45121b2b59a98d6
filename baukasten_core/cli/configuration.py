"""What the commands that work on a platform's data share: its settings and its database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from baukasten_core.settings import Settings

config_option = click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The configuration file [default: serve_config.yaml, where there is one here].",
)


def read_settings(config_path: Path | None) -> Settings:
    """The settings as the platform has them: from the configuration file and the environment."""
    from baukasten_core.serve_config import FILE, read_config
    from baukasten_core.settings import load_settings

    if config_path is None and not Path(FILE).exists():
        return load_settings()
    return load_settings(read_config(config_path or Path(FILE)).settings)


def has_database(settings: Settings) -> bool:
    """Whether one is named, or the embedded one has been made."""
    database = settings.database
    if database.url is not None or database.app_url is not None:
        return True
    return (settings.home / "postgres" / "data" / "PG_VERSION").exists()


@contextmanager
def with_database(settings: Settings) -> Iterator[Settings]:
    """The settings with the address of the database in them. The embedded server is left as it
    was found, running or not.

    Raises:
        StartupRefused: there is no platform yet.
    """
    from pydantic import SecretStr

    from baukasten_core.db.embedded import start_embedded
    from baukasten_core.errors import StartupRefused

    database = settings.database
    if database.url is not None or database.app_url is not None:
        yield settings
        return
    if not has_database(settings) or database.embedded_password is None:
        raise StartupRefused(
            f"there is no platform in {settings.home} yet",
            hint="Start it with `baukasten up`, or set BAUKASTEN_DATABASE_URL.",
        )
    folder = settings.home / "postgres"
    was_running = _runs(folder / "data")
    server = start_embedded(folder, database.embedded_password.get_secret_value())
    try:
        place = database.model_copy(update={"url": SecretStr(server.url)})
        yield settings.model_copy(update={"database": place})
    finally:
        if not was_running:
            server.stop()


def _runs(data: Path) -> bool:
    """Whether the server runs; one that was killed has left its file behind."""
    import psutil

    try:
        pid = int((data / "postmaster.pid").read_text().split()[0])
    except (FileNotFoundError, IndexError, ValueError):
        return False
    return psutil.pid_exists(pid)
