"""`baukasten plugins`: what is installed, and why something is quarantined."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from baukasten_core.cli.configuration import (
    config_option,
    has_database,
    read_settings,
    with_database,
)

if TYPE_CHECKING:
    from baukasten_core.plugins import PluginHost
    from baukasten_core.settings import Settings


@click.command()
@config_option
@click.option("--json", "as_json", is_flag=True, help="Machine-readable output.")
def plugins(config_path: Path | None, as_json: bool) -> None:
    """List plugins with their state; a quarantined one is named with the reason."""
    from baukasten_core.plugins import PluginHost

    settings = read_settings(config_path)
    host = PluginHost.discover(disabled=settings.plugins.disabled)
    host.configure(settings.plugins.options)
    if has_database(settings):
        _check_migrations(settings, host)
    if as_json:
        click.echo(json.dumps([asdict(info) for info in host.plugins()], indent=2))
        return
    for info in host.plugins():
        reason = f"  {info.reason}" if info.reason else ""
        click.echo(f"{info.name:<32} {info.version:<12} {info.status}{reason}")


def _check_migrations(settings: Settings, host: PluginHost) -> None:
    """Quarantine whose tables are not there; a database that does not tell is no reason not to
    list the plugins."""
    from baukasten_core.errors import BaukastenError

    try:
        with with_database(settings) as found:
            asyncio.run(_quarantine_unmigrated(found, host))
    except BaukastenError as error:
        click.echo(f"Migrations were not checked: {error.detail}", err=True)


async def _quarantine_unmigrated(settings: Settings, host: PluginHost) -> None:
    from baukasten_core.databases import open_database, quarantine_unmigrated

    database = open_database(settings)
    try:
        await quarantine_unmigrated(database, host)
    finally:
        await database.close()
