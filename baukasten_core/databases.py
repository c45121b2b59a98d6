"""The database that the settings name: opened, migrated, and the showcases that it is ready for."""

from __future__ import annotations

from baukasten_core.db.migrate import CORE, Migrated, MigrationReport, migrate
from baukasten_core.db.roles import Roles
from baukasten_core.db.session import Database
from baukasten_core.db.state import plugin_states, what_is_missing
from baukasten_core.db.urls import app_url
from baukasten_core.errors import StartupRefused
from baukasten_core.plugins import PluginHost
from baukasten_core.settings import Settings


def open_database(settings: Settings) -> Database:
    """A pool as the app role."""
    return Database(
        database_url(settings),
        pool_size=settings.database.pool_size,
        connect_timeout=settings.database.connect_timeout,
        statement_timeout=settings.database.statement_timeout,
    )


def database_url(settings: Settings) -> str:
    """Where the app role connects. Raises `StartupRefused` when no database is named."""
    database = settings.database
    if database.app_url:
        return database.app_url.get_secret_value()
    if not database.url or not database.app_password:
        raise StartupRefused(
            "no database is named",
            hint="Start with `baukasten up`, or set BAUKASTEN_DATABASE_URL.",
        )
    owner, password = database.url.get_secret_value(), database.app_password.get_secret_value()
    return app_url(owner, Roles(database.role_prefix).app, password)


def migrated_showcases(host: PluginHost) -> list[Migrated]:
    """What `db.migrate.migrate` needs to know of the showcases."""
    return [
        Migrated(showcase.name, showcase.migrations, showcase.data_map)
        for showcase in host.showcases().values()
        if showcase.migrations is not None
    ]


def migrate_database(settings: Settings, host: PluginHost) -> MigrationReport:
    """Migrate the database of `settings.database.url`; a showcase that fails is quarantined, and
    so is one whose options don't fit."""
    database = settings.database
    if database.url is None:
        raise StartupRefused("database.url is not set, so there is nothing to migrate")
    password = database.app_password.get_secret_value() if database.app_password else None
    report = migrate(
        database.url.get_secret_value(),
        migrated_showcases(host),
        role_prefix=database.role_prefix,
        app_password=None if database.app_url else password,
    )
    for showcase, reason in report.failed.items():
        host.quarantine(host.plugin_of(showcase), reason)
    host.configure(settings.plugins.options)
    return report


async def quarantine_unmigrated(database: Database, host: PluginHost) -> None:
    """Take out each showcase whose tables are not there as it expects them.

    Raises `StartupRefused` if that is so for the core.
    """
    async with database.transaction() as session:
        states = await plugin_states(session)
    for what in [CORE, *migrated_showcases(host)]:
        reason = what_is_missing(what, states.get(what.schema))
        if reason and what is CORE:
            raise StartupRefused(f"the database is not ready: {reason}")
        if reason:
            host.quarantine(host.plugin_of(what.schema), reason)
