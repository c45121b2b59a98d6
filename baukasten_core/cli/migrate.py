"""`baukasten migrate`: bring the database to this version."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from baukasten_core.cli.configuration import config_option, read_settings, with_database


@click.command()
@config_option
def migrate(config_path: Path | None) -> None:
    """Create roles, run the migrations of the core and of every showcase, and check the result.

    Uses BAUKASTEN_DATABASE_URL, else the embedded PostgreSQL that `baukasten up` has made.
    """
    from baukasten_core.databases import migrate_database
    from baukasten_core.plugins import PluginHost

    with with_database(read_settings(config_path)) as settings:
        host = PluginHost.discover(disabled=settings.plugins.disabled)
        report = migrate_database(settings, host)
    for name, reason in report.failed.items():
        click.echo(f"{name} is quarantined: {reason}", err=True)
    click.echo("The database is up to date.")
    sys.exit(1 if report.failed else 0)
