"""`baukasten plugins`: what is installed, and why something is quarantined."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from baukasten_core.plugins import PluginHost
    from baukasten_core.settings import Settings


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Machine-readable output.")
def plugins(as_json: bool) -> None:
    """List plugins with their state; a quarantined one is named with the reason."""
    from baukasten_core.plugins import PluginHost
    from baukasten_core.settings import load_settings

    settings = load_settings()
    host = PluginHost.discover(disabled=settings.plugins.disabled)
    if settings.database.url or settings.database.app_url:
        asyncio.run(_check_migrations(settings, host))
    if as_json:
        click.echo(json.dumps([asdict(info) for info in host.plugins()], indent=2))
        return
    for info in host.plugins():
        reason = f"  {info.reason}" if info.reason else ""
        click.echo(f"{info.name:<32} {info.version:<12} {info.status}{reason}")


async def _check_migrations(settings: Settings, host: PluginHost) -> None:
    from baukasten_core.app import open_database, quarantine_unmigrated

    database = open_database(settings)
    try:
        await quarantine_unmigrated(database, host)
    finally:
        await database.close()
