"""The database a platform needs before its applications start: found or started, migrated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from baukasten_core.settings import Settings

if TYPE_CHECKING:
    from baukasten_core.db.embedded import EmbeddedPostgres
    from baukasten_core.plugins import PluginHost


@dataclass(frozen=True, slots=True)
class Database:
    """Where it is, and the server to stop at the end when it is ours."""

    url: str
    server: EmbeddedPostgres | None

    def environment(self) -> dict[str, str]:
        """What tells the replicas; nothing when the operator's own settings do."""
        return {"BAUKASTEN_DATABASE_URL": self.url} if self.server else {}


def open_database(settings: Settings) -> Database:
    """The configured PostgreSQL, or the embedded one, started if it does not run."""
    if settings.database.url is not None:
        return Database(settings.database.url.get_secret_value(), None)
    from baukasten_core.db.embedded import start_embedded

    password = settings.database.embedded_password
    assert password is not None  # load_settings fills it in
    server = start_embedded(settings.home / "postgres", password.get_secret_value())
    return Database(server.url, server)


def migrate_database(database: Database, settings: Settings, host: PluginHost) -> Mapping[str, str]:
    """Bring core and showcases to their newest revision; the reason by showcase that failed."""
    from baukasten_core.db.migrate import Migrated, migrate

    showcases = [
        Migrated(showcase.name, showcase.migrations, showcase.data_map)
        for showcase in host.showcases().values()
        if showcase.migrations is not None
    ]
    password = settings.database.app_password
    report = migrate(
        database.url,
        showcases,
        role_prefix=settings.database.role_prefix,
        app_password=password.get_secret_value() if password else None,
    )
    return report.failed
