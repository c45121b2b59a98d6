"""The suite of the showcase contract.

    class TestMine(ShowcaseContract):
        @pytest.fixture
        def showcase(self) -> Showcase:
            return my_plugin.register_showcase()

The fixture `databases` makes real, migrated PostgreSQL databases.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, create_engine, inspect
from sqlalchemy.pool import NullPool

from baukasten_core.contracts.showcase import Showcase
from baukasten_core.db.migrate import Migrated, downgrade, heads, migrate
from baukasten_core.db.roles import Roles
from baukasten_core.db.urls import sqlalchemy_url
from baukasten_core.plugin_checks import check_showcase
from baukasten_core.testing.fixtures_db import TestDatabases

LANGUAGES = {"de", "en", "es"}


class ShowcaseContract:
    """What every showcase promises."""

    @pytest.fixture
    def showcase(self) -> Showcase:
        """The showcase under test."""
        raise NotImplementedError("give the fixture `showcase`")

    @pytest.fixture
    def migrated(self, showcase: Showcase) -> Migrated:
        """Its tables."""
        if showcase.migrations is None:
            pytest.skip("this showcase has no tables")
        return Migrated(showcase.name, showcase.migrations, showcase.data_map)

    def test_its_name_router_jobs_pages_and_options_are_fit_to_serve(
        self, showcase: Showcase
    ) -> None:
        check_showcase(showcase, {})
        assert showcase.pages is None or (showcase.pages / "index.html").is_file()

    def test_people_read_about_it_in_three_languages(self, showcase: Showcase) -> None:
        for texts in (showcase.title, showcase.description or showcase.title):
            assert {language for language, text in texts.items() if text} >= LANGUAGES

    def test_tables_come_with_migrations_and_a_data_map(self, showcase: Showcase) -> None:
        tables = showcase.tables.tables.values() if showcase.tables is not None else ()
        own = {table.name for table in tables if table.schema == showcase.name}
        assert own == {entry.table for entry in showcase.data_map}
        assert bool(own) == (showcase.migrations is not None)

    def test_it_migrates_down_and_up_again_to_tables_that_are_isolated_and_on_the_data_map(
        self, databases: TestDatabases, migrated: Migrated
    ) -> None:
        assert len(heads(migrated)) == 1
        url = databases.create(migrated).owner  # the catalogue is checked after each migration
        every_table = {entry.table for entry in migrated.data_map}
        assert tables_of(url, migrated) == every_table
        roles = Roles()
        with connected(url) as connection, connection.begin():
            connection.exec_driver_sql(f'SET LOCAL ROLE "{roles.owner}"')
            downgrade(connection, roles, migrated)
        assert tables_of(url, migrated) == set()
        assert migrate(url, [migrated]).failed == {}
        assert tables_of(url, migrated) == every_table

    def test_its_models_and_its_migrations_agree(
        self, databases: TestDatabases, migrated: Migrated, showcase: Showcase
    ) -> None:
        def of_this_showcase(name: str | None, kind: str, parents: Any) -> bool:
            return name == migrated.schema if kind == "schema" else name != "alembic_version"

        assert showcase.tables is not None
        options = {"include_schemas": True, "include_name": of_this_showcase, "compare_type": True}
        with connected(databases.create(migrated).owner) as connection:
            context = MigrationContext.configure(connection, opts=options)
            differences = compare_metadata(context, showcase.tables)
        assert [item for item in differences if not made_by_the_helper(item)] == []


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    """A connection to a database, as its owner."""
    engine = create_engine(sqlalchemy_url(url), poolclass=NullPool)
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def tables_of(url: str, migrated: Migrated) -> set[str]:
    """The names of a showcase's tables, as they are in the database."""
    with connected(url) as connection:
        names = inspect(connection).get_table_names(schema=migrated.schema)
    return set(names) - {"alembic_version"}


def made_by_the_helper(difference: Any) -> bool:
    """What only the migration has, because `create_tenant_table` made it: plain indexes, and
    foreign keys whose target is a table of the core's."""
    if isinstance(difference, list):  # changes of one column
        return False
    kind, subject = difference[:2]
    if kind == "remove_index":
        return not subject.unique
    if kind != "remove_fk":
        return False
    return all(element.target_fullname.startswith("core.") for element in subject.elements)
