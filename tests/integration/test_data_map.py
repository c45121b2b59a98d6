"""Every core table with somebody's data is on the data map, and the map can be followed."""

from __future__ import annotations

from fnmatch import fnmatch

import psycopg
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from baukasten_core.contracts.showcase import PersonalData
from baukasten_core.db.catalogue import check_data_map
from baukasten_core.db.datamap import CORE_MAPS
from baukasten_core.db.urls import sqlalchemy_url
from baukasten_core.errors import PluginError
from baukasten_core.testing.fixtures_db import DatabaseUrls

OF_PEOPLE = """
SELECT n.nspname AS schema, c.relname AS name, a.attname AS column FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE n.nspname IN ('core', 'jobs') AND c.relkind IN ('r', 'p')
  AND (a.attname IN ('tenant_id', 'user_id', 'email', 'personal_of', 'args'))
ORDER BY 1, 2, 3
"""
WITHOUT_CONTENT = {
    ("jobs", "procrastinate_periodic_defers"),
    *(("core", table) for table in ("space_moves", "llm_limits", "llm_meters", "llm_leases")),
}
"""Those of the core say by which model a tenant's documents are embedded, and what the tenant may
spend and spent; they name nobody."""


def not_on_the_map(urls: DatabaseUrls) -> list[str]:
    with psycopg.connect(urls.owner) as connection:
        found = connection.execute(OF_PEOPLE).fetchall()
    return sorted(
        f"{schema}.{name} has the column `{column}`, so it holds somebody's data, and it is not "
        "on the data map: add it to baukasten_core/db/datamap.py (whose, why, for how long)"
        for schema, name, column in found
        if (schema, name) not in WITHOUT_CONTENT
        and not any(fnmatch(name, entry.table) for entry in CORE_MAPS.get(schema, ()))
    )


def test_every_table_with_somebodys_data_is_on_the_map(database_urls: DatabaseUrls) -> None:
    with psycopg.connect(database_urls.owner) as connection:
        connection.execute("SELECT core.prepare_space('0123456789abcdef', 4)")
    assert not_on_the_map(database_urls) == []


def test_a_table_that_was_forgotten_is_named(database_urls: DatabaseUrls) -> None:
    with psycopg.connect(database_urls.owner) as connection:
        connection.execute("CREATE TABLE core.forgotten (id uuid, user_id uuid)")
    (sentence,) = not_on_the_map(database_urls)
    assert sentence.startswith("core.forgotten has the column `user_id`")
    with psycopg.connect(database_urls.owner) as connection:
        connection.execute("DROP TABLE core.forgotten")


@pytest.mark.parametrize(
    ("entry", "fault"),
    [
        (PersonalData("nowhere", "x", "x", "contract"), "is no table"),
        (PersonalData("projects", "x", "x", "contract", owner_column="owner"), "`owner`"),
        (PersonalData("projects", "x", "x", "contract", owner_column="name"), "`name`"),
        (PersonalData("projects", "x", "x", "contract", exclude=("nothing",)), "nothing"),
        (PersonalData("postings", "x", "x", "contract", retention_days=1), "created_at"),
    ],
)
def test_a_map_that_could_not_be_followed_is_refused(
    database_urls: DatabaseUrls, entry: PersonalData, fault: str
) -> None:
    engine = create_engine(sqlalchemy_url(database_urls.owner), poolclass=NullPool)
    with engine.connect() as connection, pytest.raises(PluginError, match=fault):
        check_data_map(connection, "core", [entry])


def test_functions_of_the_system_role_look_for_tables_where_they_are_meant_to(
    database_urls: DatabaseUrls,
) -> None:
    """A temporary table of the same name must not come first."""
    query = text(
        "SELECT p.oid::regprocedure::text FROM pg_proc p WHERE p.prosecdef"
        " AND NOT coalesce(p.proconfig[1], '') LIKE 'search_path=pg_catalog, %, pg_temp'"
        " AND p.pronamespace = 'core'::regnamespace"
    )
    engine = create_engine(sqlalchemy_url(database_urls.owner), poolclass=NullPool)
    with engine.connect() as connection:
        assert connection.execute(query).scalars().all() == []
