"""`baukasten privacy`: records that the GDPR asks for."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from baukasten_core.cli.configuration import config_option, read_settings, with_database

if TYPE_CHECKING:
    from baukasten_core.privacy.article30 import Record
    from baukasten_core.settings import Settings


@click.group()
def privacy() -> None:
    """Records that the GDPR asks for."""


@privacy.command()
@config_option
@click.option("--json", "as_json", is_flag=True, help="Machine-readable output.")
def record(config_path: Path | None, as_json: bool) -> None:
    """Print the record of processing activities (Article 30), in Markdown.

    It is made from the data map of the database, plugins that are gone included, and from the
    configured services that data can reach.
    """
    with with_database(read_settings(config_path)) as settings:
        made = asyncio.run(_record(settings))
    click.echo(json.dumps(made.as_json(), indent=2) if as_json else made.as_markdown())


async def _record(settings: Settings) -> Record:
    from baukasten_core import upkeep
    from baukasten_core.databases import open_database
    from baukasten_core.plugins import PluginHost

    host = PluginHost.discover(disabled=settings.plugins.disabled)
    database = open_database(settings)
    try:
        return await upkeep.record(settings, host, database)
    finally:
        await database.close()
