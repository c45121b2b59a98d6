"""The database a platform needs before its applications start: found or started, migrated."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import SecretStr

from baukasten_core.settings import Settings

if TYPE_CHECKING:
    from baukasten_core.accounts.first_admin import CreatedAdmin
    from baukasten_core.db.embedded import EmbeddedPostgres
    from baukasten_core.plugins import PluginHost


@dataclass(frozen=True, slots=True)
class Database:
    """The settings that say where it is, and the server to stop at the end when it is ours."""

    settings: Settings
    server: EmbeddedPostgres | None

    def environment(self) -> dict[str, str]:
        """What the replicas are told: only the role that row-level security holds."""
        from baukasten_core.databases import database_url

        return {"BAUKASTEN_DATABASE_APP_URL": database_url(self.settings)}


def open_database(settings: Settings) -> Database:
    """The configured PostgreSQL, or the embedded one, started if it does not run."""
    if settings.database.url is not None or settings.database.app_url is not None:
        return Database(settings, None)
    from baukasten_core.db.embedded import start_embedded

    password = settings.database.embedded_password
    assert password is not None  # load_settings fills it in
    with warnings.catch_warnings():
        # Its library warns that there is no XDG_RUNTIME_DIR; nothing here uses it.
        warnings.simplefilter("ignore", UserWarning)
        server = start_embedded(settings.home / "postgres", password.get_secret_value())
    place = settings.database.model_copy(update={"url": SecretStr(server.url)})
    return Database(settings.model_copy(update={"database": place}), server)


def migrate_database(database: Database, host: PluginHost) -> Mapping[str, str]:
    """Bring core and showcases to their newest revision; the reason by plugin that failed.

    Where only `database.app_url` is set, somebody else migrates (`baukasten migrate`).
    """
    from baukasten_core.databases import migrate_database

    if database.settings.database.url is not None:
        migrate_database(database.settings, host)
    return host.quarantined


def ensure_admin(database: Database) -> CreatedAdmin | None:
    """Make the first admin of a new platform; None when there is one."""
    from baukasten_core.accounts.first_admin import ensure_first_admin

    settings = database.settings
    if settings.database.url is None:
        return None
    return ensure_first_admin(
        settings.database.url.get_secret_value(),
        settings.auth.admin_email,
        residency=settings.privacy.residency,
        role_prefix=settings.database.role_prefix,
    )
