"""Migrations go up, down and up again; each schema has one head; models agree with the tables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, MetaData, create_engine, text
from sqlalchemy.pool import NullPool

import baukasten_core.app  # noqa: F401 (every room's models)
from baukasten_core.databases import migrated_showcases
from baukasten_core.db.base import CoreBase
from baukasten_core.db.migrate import CORE, Migrated, downgrade, heads, migrate
from baukasten_core.db.roles import Roles
from baukasten_core.db.urls import sqlalchemy_url
from baukasten_core.plugins import PluginHost
from baukasten_core.testing.fixtures_db import PASSWORD, DatabaseUrls, TestDatabases

HOST = PluginHost.discover()
SHOWCASES = migrated_showcases(HOST)
EVERYTHING = [CORE, *SHOWCASES]
WITHOUT_MODELS = {"alembic_version", "data_map", "plugins"}
MADE_BY_HELPER = {"core.tenants", "core.users", "core.projects"}
"""Foreign keys to these are made by `create_tenant_table`; models may leave them out."""


def name(what: Migrated) -> str:
    return what.schema


@pytest.fixture(scope="module")
def database_urls(databases: TestDatabases) -> DatabaseUrls:
    return databases.create(*SHOWCASES)


@pytest.fixture
def connection(database_urls: DatabaseUrls) -> Iterator[Connection]:
    engine = create_engine(sqlalchemy_url(database_urls.owner), poolclass=NullPool)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def structure(connection: Connection) -> list[Any]:
    """Every table, column, constraint, index and policy of ours, as the catalogue describes it."""
    query = """
        SELECT n.nspname, c.relname, 'column',
               a.attname || ' ' || format_type(a.atttypid, a.atttypmod) || a.attnotnull::text
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        WHERE c.relkind IN ('r', 'i') AND n.nspname = ANY(:schemas)
        UNION ALL SELECT n.nspname, c.conname, 'constraint', pg_get_constraintdef(c.oid)
        FROM pg_constraint c JOIN pg_namespace n ON n.oid = c.connamespace
        WHERE n.nspname = ANY(:schemas) AND c.contype <> 'n'
        UNION ALL SELECT schemaname, tablename, 'policy', policyname || coalesce(qual, '')
        FROM pg_policies WHERE schemaname = ANY(:schemas)
        UNION ALL SELECT n.nspname, p.oid::regprocedure::text, 'function', ''
        FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
        WHERE n.nspname = ANY(:schemas)
        ORDER BY 1, 2, 3, 4
    """
    schemas = [*(what.schema for what in EVERYTHING), "jobs"]
    return [tuple(row) for row in connection.execute(text(query), {"schemas": schemas})]


@pytest.mark.parametrize("what", EVERYTHING, ids=name)
def test_there_is_one_head(what: Migrated) -> None:
    assert len(heads(what)) == 1


def test_every_installed_showcase_is_migrated_here() -> None:
    assert not HOST.quarantined
    with_tables = {showcase.name for showcase in HOST.showcases().values() if showcase.tables}
    assert with_tables == {what.schema for what in SHOWCASES}


def test_down_to_nothing_and_up_again_gives_the_same(databases: TestDatabases) -> None:
    urls = databases.create(*SHOWCASES)
    migrate(urls.owner)  # a copied database lacks the grants that a migrated one has
    engine = create_engine(sqlalchemy_url(urls.owner), poolclass=NullPool)
    with engine.connect() as connection:
        before = structure(connection)
        roles = Roles()
        for what in reversed(EVERYTHING):
            connection.execute(text(f'SET ROLE "{roles.owner}"'))
            downgrade(connection, roles, what)
            left = [row[1] for row in structure(connection) if row[0] == what.schema]
            assert {row for row in left if "alembic_version" not in row} == set(), what.schema
            connection.execute(text("RESET ROLE"))
        connection.commit()
    report = migrate(urls.owner, SHOWCASES, app_password=PASSWORD)
    assert not report.failed
    with engine.connect() as connection:
        assert structure(connection) == before
    engine.dispose()


def test_migrating_again_changes_nothing(
    database_urls: DatabaseUrls, connection: Connection
) -> None:
    before = structure(connection)
    connection.rollback()
    assert not migrate(database_urls.owner, SHOWCASES).failed
    assert structure(connection) == before


@pytest.mark.parametrize("what", EVERYTHING, ids=name)
def test_models_and_tables_agree(connection: Connection, what: Migrated) -> None:
    metadata = models(what.schema)
    context = MigrationContext.configure(
        connection,
        opts={
            "include_schemas": True,
            "include_name": lambda name, kind, _: kind != "schema" or name == what.schema,
            "include_object": lambda thing, name, kind, *_: (
                kind != "table" or (name not in WITHOUT_MODELS and not name.startswith("vectors_"))
            ),
            "compare_type": True,
        },
    )
    assert [change for change in compare_metadata(context, metadata) if counts(change)] == []


def models(schema: str) -> MetaData:
    if schema == "core":
        return CoreBase.metadata
    tables = HOST.showcases()[schema].tables
    assert tables is not None
    return tables


def counts(change: Any) -> bool:
    """Whether a difference is one. Models leave out the keys that the migration helper makes, and
    a showcase's metadata does not hold the core's tables."""
    if isinstance(change, list) or change[0] != "remove_fk":
        return True
    own, target = change[1].table, change[1].elements[0].column.table
    if own.schema != target.schema:
        return bool(target.schema != "core")
    return f"{target.schema}.{target.name}" not in MADE_BY_HELPER
