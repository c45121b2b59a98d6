"""`baukasten migrate`: bring the database to this version."""

from __future__ import annotations

import sys

import click


@click.command()
def migrate() -> None:
    """Create roles, run the migrations of the core and of every showcase, and check the result.

    Uses BAUKASTEN_DATABASE_URL. With the embedded PostgreSQL, `baukasten up` does this itself.
    """
    from baukasten_core.app import migrate_database
    from baukasten_core.plugins import PluginHost
    from baukasten_core.settings import load_settings

    settings = load_settings()
    if settings.database.url is None:
        raise click.UsageError("BAUKASTEN_DATABASE_URL is not set.")
    host = PluginHost.discover(disabled=settings.plugins.disabled)
    report = migrate_database(settings, host)
    for name, reason in report.failed.items():
        click.echo(f"{name} is quarantined: {reason}", err=True)
    click.echo("The database is up to date.")
    sys.exit(1 if report.failed else 0)
