"""Migrations: the core's, then each showcase's, each with its own schema and version table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.pool import NullPool

from baukasten_core.contracts.showcase import PersonalData
from baukasten_core.db.base import CORE_SCHEMA
from baukasten_core.db.catalogue import check_catalogue, check_data_map
from baukasten_core.db.datamap import CORE_DATA_MAP, CORE_MAPS
from baukasten_core.db.roles import Roles, ensure_roles
from baukasten_core.db.urls import libpq_url, sqlalchemy_url
from baukasten_core.errors import PluginError, StartupRefused, reason_of

FOLDER = Path(__file__).parent
MIGRATION_LOCK = 7_201_418_326
"""An advisory lock, so that two starting platforms migrate one after the other."""

STORE_ENTRY = text(
    'INSERT INTO core.data_map (plugin, "table", subject, purpose, legal_basis, retention,'
    " retention_days, owner_column, exclude) VALUES (:plugin, :table, :subject, :purpose,"
    " :legal_basis, :retention, :retention_days, :owner_column, :exclude)"
)


@dataclass(frozen=True, slots=True)
class Migrated:
    """A schema, its Alembic revisions and its data map."""

    schema: str
    versions: Path
    data_map: Sequence[PersonalData] = ()


CORE = Migrated(CORE_SCHEMA, FOLDER / "migrations" / "versions", CORE_DATA_MAP)


@dataclass(slots=True)
class MigrationReport:
    """What a migration did: failures by showcase, empty when all went well."""

    failed: dict[str, str] = field(default_factory=dict)


def migrate(
    url: str,
    showcases: Sequence[Migrated] = (),
    *,
    role_prefix: str = "baukasten",
    app_password: str | None = None,
) -> MigrationReport:
    """Bring the database to the newest revision of the core and of every showcase.

    A showcase whose migration or check fails is rolled back whole and reported; the core's
    failure is an error.

    Args:
        url: of a role that may create roles and schemas, or act as the three that exist.
        app_password: given to the app role.

    Raises:
        StartupRefused: the database can't be reached or is not fit for use.
    """
    roles = Roles(role_prefix)
    report = MigrationReport()
    _prepare(url, roles, app_password)
    with _as_owner(url, roles) as connection, connection.begin():
        upgrade(connection, roles, CORE)
        _replace_system_functions(connection, roles)
        _remember(connection, CORE, head(CORE), None)
    for showcase in showcases:
        error = _migrate_showcase(url, roles, showcase)
        if error:
            report.failed[showcase.schema] = error
    return report


def _migrate_showcase(url: str, roles: Roles, showcase: Migrated) -> str | None:
    revision, error = None, None
    with _as_owner(url, roles) as connection:
        try:
            newest = head(showcase)
            with connection.begin():
                upgrade(connection, roles, showcase)
            revision = newest
        except KeyboardInterrupt:
            raise
        except BaseException as failure:
            # A stranger's revision may raise anything, also SystemExit.
            error = f"its migration failed: {reason_of(failure)}"
        with connection.begin():
            _remember(connection, showcase, revision, error)
    return error


def upgrade(connection: Connection, roles: Roles, what: Migrated, revision: str = "head") -> None:
    """Run one schema's revisions, protect it, and store its data map. Needs a transaction."""
    _create_schema(connection, roles, what.schema)
    command.upgrade(alembic_config(connection, roles, what), revision)
    connection.execute(text(f'REVOKE ALL ON "{what.schema}".alembic_version FROM "{roles.app}"'))
    connection.execute(
        text(f'GRANT ALL ON ALL TABLES IN SCHEMA "{what.schema}" TO "{roles.system}"')
    )
    mapped = None if what.schema == CORE_SCHEMA else frozenset(e.table for e in what.data_map)
    check_catalogue(connection, roles, what.schema, mapped=mapped)
    maps = CORE_MAPS if what.schema == CORE_SCHEMA else {what.schema: what.data_map}
    for schema, data_map in maps.items():
        check_data_map(connection, schema, data_map)
        _store_data_map(connection, schema, data_map)


def downgrade(connection: Connection, roles: Roles, what: Migrated, revision: str = "base") -> None:
    """Take one schema's revisions back. Needs a transaction."""
    if what.schema == CORE_SCHEMA:
        _drop_system_functions(connection, roles)  # they answer with rows of its tables
    command.downgrade(alembic_config(connection, roles, what), revision)


def alembic_config(connection: Connection | None, roles: Roles, what: Migrated) -> Config:
    """Alembic's configuration for one schema; every schema shares one `env.py`."""
    config = Config()
    config.set_main_option("script_location", str(FOLDER / "migrations"))
    config.set_main_option("version_locations", str(what.versions))
    config.set_main_option("path_separator", "newline")
    config.attributes.update(connection=connection, roles=roles, schema=what.schema)
    return config


def heads(what: Migrated) -> Sequence[str]:
    """The newest revisions of a schema. Raises whatever a file among them raises."""
    return ScriptDirectory.from_config(alembic_config(None, Roles(), what)).get_heads()


def head(what: Migrated) -> str:
    """The newest revision of a schema.

    Raises:
        PluginError: there is none, or more than one, or a file can't be read.
    """
    try:
        found = heads(what)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        # They are a stranger's code, and reading them runs it.
        raise PluginError(f"its migrations can't be read: {reason_of(error)}") from error
    if not found:
        raise PluginError(f"there are no migrations in {what.versions}")
    if len(found) > 1:
        raise PluginError(f"its migrations have {len(found)} heads, there must be one")
    return found[0]


# --- the parts ----------------------------------------------------------------------------


def _prepare(url: str, roles: Roles, app_password: str | None) -> None:
    try:
        with psycopg.connect(libpq_url(url), autocommit=True, connect_timeout=10) as connection:
            connection.execute("SELECT pg_advisory_lock(%s)", [MIGRATION_LOCK])
            _require_versions(connection)
            ensure_roles(connection, roles, app_password)
            with connection.transaction():
                for schema in (CORE_SCHEMA, "jobs"):
                    connection.execute(  # names are constants of ours
                        f"CREATE SCHEMA IF NOT EXISTS {schema} AUTHORIZATION {roles.owner}"
                    )
                connection.execute("CREATE EXTENSION IF NOT EXISTS vector SCHEMA public")
                database = psycopg.sql.Identifier(connection.info.dbname)
                grant = psycopg.sql.SQL("GRANT CREATE, CONNECT ON DATABASE {} TO {}")
                connection.execute(grant.format(database, psycopg.sql.Identifier(roles.owner)))
    except psycopg.OperationalError as error:
        raise StartupRefused(
            f"the database does not answer: {str(error).strip()}",
            hint="Check BAUKASTEN_DATABASE_URL, or leave it unset for the embedded PostgreSQL.",
        ) from None


def _require_versions(connection: psycopg.Connection[Any]) -> None:
    server = connection.info.server_version
    if server < 150000:
        raise StartupRefused(f"PostgreSQL 15 or newer is needed, this is {server // 10000}.")
    query = "SELECT default_version FROM pg_available_extensions WHERE name = 'vector'"
    row = connection.execute(query).fetchone()
    if row is None:
        raise StartupRefused("the extension pgvector is not installed on this PostgreSQL server.")
    if tuple(map(int, row[0].split(".")[:2])) < (0, 7):
        raise StartupRefused(f"pgvector 0.7 or newer is needed, this is {row[0]}.")


@contextmanager
def _as_owner(url: str, roles: Roles) -> Iterator[Connection]:
    engine = create_engine(sqlalchemy_url(url), poolclass=NullPool)
    try:
        with engine.connect() as connection:
            connection.execute(text(f"SELECT pg_advisory_lock({MIGRATION_LOCK})"))
            connection.execute(text(f'SET ROLE "{roles.owner}"'))
            connection.commit()
            yield connection
    finally:
        engine.dispose()


def _create_schema(connection: Connection, roles: Roles, schema: str) -> None:
    connection.execute(text(f'CREATE SCHEMA IF NOT EXISTS "{schema}"'))
    connection.execute(text(f'GRANT USAGE ON SCHEMA "{schema}" TO "{roles.app}", "{roles.system}"'))


def _replace_system_functions(connection: Connection, roles: Roles) -> None:
    """Drop and create every function of the system role, so that `system.sql` is what is there."""
    _drop_system_functions(connection, roles)
    connection.execute(text(f'GRANT CREATE ON SCHEMA core TO "{roles.system}"'))
    connection.execute(text(f'SET LOCAL ROLE "{roles.system}"'))
    connection.exec_driver_sql((FOLDER / "system.sql").read_text().replace("%", "%%"))
    connection.execute(text("REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA core FROM PUBLIC"))
    connection.execute(text(f'GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA core TO "{roles.app}"'))
    connection.execute(text(f'SET LOCAL ROLE "{roles.owner}"'))
    connection.execute(text(f'REVOKE CREATE ON SCHEMA core FROM "{roles.system}"'))


def _drop_system_functions(connection: Connection, roles: Roles) -> None:
    owned = connection.execute(
        text(
            "SELECT p.oid::regprocedure::text FROM pg_proc p JOIN pg_namespace n"
            " ON n.oid = p.pronamespace WHERE n.nspname = 'core'"
            " AND pg_get_userbyid(p.proowner) = :system"
        ),
        {"system": roles.system},
    ).scalars()
    for function in owned.all():
        connection.execute(text(f"DROP FUNCTION {function}"))


def _store_data_map(connection: Connection, schema: str, data_map: Sequence[PersonalData]) -> None:
    """The map is kept in the database, so that erasure reaches a plugin that was removed."""
    connection.execute(text("DELETE FROM core.data_map WHERE plugin = :plugin"), {"plugin": schema})
    for entry in data_map:
        values = {**asdict(entry), "plugin": schema, "exclude": list(entry.exclude)}
        connection.execute(STORE_ENTRY, values)


def _remember(
    connection: Connection, what: Migrated, revision: str | None, error: str | None
) -> None:
    """Replicas read this to know whether the tables are as they expect them (`db.state`)."""
    connection.execute(
        text(
            "INSERT INTO core.plugins (name, revision, reason) VALUES (:name, :revision, :reason)"
            " ON CONFLICT (name) DO UPDATE SET revision = excluded.revision,"
            " reason = excluded.reason, migrated_at = now()"
        ),
        {"name": what.schema, "revision": revision, "reason": error},
    )
