"""Statements that are each a transaction of their own, on a connection that is kept."""

from __future__ import annotations

import asyncio

import psycopg
import pytest
from sqlalchemy import text

from baukasten_core.db.session import Database
from baukasten_core.errors import DatabaseUnavailable
from baukasten_core.testing.fixtures_db import DatabaseUrls

PID = text("SELECT pg_backend_pid() AS pid, :name AS name")


async def pid(database: Database) -> int:
    return int((await database.single.execute(PID, {"name": "x"})).one_or_none().pid)


async def test_the_connection_is_kept_and_takes_one_statement_at_a_time(database: Database) -> None:
    answers = await asyncio.gather(*(pid(database) for _ in range(8)))
    assert len(set(answers)) == 1


async def test_rows_have_names_and_none_is_none(database: Database) -> None:
    row = (await database.single.execute(PID, {"name": "ada"})).one_or_none()
    assert row.name == "ada"
    nothing = await database.single.execute(text("SELECT 1 WHERE :no"), {"no": False})
    assert nothing.one_or_none() is None


async def test_a_connection_that_the_server_ended_is_replaced_and_nobody_notices(
    database: Database, database_urls: DatabaseUrls
) -> None:
    before = await pid(database)
    with psycopg.connect(database_urls.owner, autocommit=True) as owner:
        assert owner.execute("SELECT pg_terminate_backend(%s, 5000)", [before]).fetchone() == (
            True,
        )
    assert await pid(database) != before


async def test_a_caller_that_goes_away_leaves_the_next_one_a_connection_of_its_own(
    database: Database,
) -> None:
    before = await pid(database)
    sleeping = asyncio.create_task(database.single.execute(text("SELECT pg_sleep(:s)"), {"s": 30}))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(sleeping, 0.2)
    assert await pid(database) != before


async def test_a_database_that_is_not_there_is_503_with_a_time_to_come_back() -> None:
    database = Database("postgresql://nobody@127.0.0.1:1/nowhere", connect_timeout=2)
    with pytest.raises(DatabaseUnavailable) as caught:
        await pid(database)
    assert int(caught.value.headers["Retry-After"]) > 0
