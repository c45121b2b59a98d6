"""Jobs outlive whatever runs them: workers that die, a plugin that is gone, a database that is."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import procrastinate
import psycopg
from procrastinate.worker import Worker as ProcrastinateWorker

from baukasten_core.contracts.auth import Principal, Scope
from baukasten_core.db.session import Database
from baukasten_core.db.urls import libpq_url
from baukasten_core.jobs import Handler
from baukasten_core.jobs.execution import Execution
from baukasten_core.jobs.sweep import Sweeper
from baukasten_core.testing.fixtures_db import DatabaseUrls
from tests.jobs.working import Seen, die_with, enqueue, is_waiting, until, working

# --- workers that die -------------------------------------------------------------------------


async def test_a_dead_workers_job_is_taken_up_again(
    database: Database, database_urls: DatabaseUrls, tenant: Principal
) -> None:
    seen = Seen()
    await enqueue(database, tenant, "t.orphan")
    die_with(database_urls, tenant)
    async with working(database_urls, {"t.orphan": Handler(seen.run)}, stalled_seconds=0.6):
        await seen.finished()


async def test_a_worker_killed_after_a_long_outage_loses_no_job(
    database: Database, database_urls: DatabaseUrls, tenant: Principal
) -> None:
    seen = Seen()
    await enqueue(database, tenant, "t.patient")
    die_with(database_urls, tenant, outages=150, errors=3)
    handler = Handler(seen.run, seen.failed)
    async with working(database_urls, {"t.patient": handler}, stalled_seconds=0.6):
        await seen.finished()
    assert len(seen.calls) == 1
    assert not seen.failures


async def test_a_job_that_kills_its_workers_is_given_up(
    database: Database, database_urls: DatabaseUrls, tenant: Principal
) -> None:
    seen = Seen()
    await enqueue(database, tenant, "t.poison")
    die_with(database_urls, tenant, deaths=5)
    handler = Handler(seen.run, seen.failed)
    async with working(database_urls, {"t.poison": handler}, stalled_seconds=0.6):
        await seen.finished()
    assert not seen.calls
    assert len(seen.failures) == 1


async def test_each_dead_worker_is_counted(
    database: Database, database_urls: DatabaseUrls, tenant: Principal
) -> None:
    seen = Seen()
    await enqueue(database, tenant, "t.counted")
    die_with(database_urls, tenant, deaths=3, errors=1)
    async with working(database_urls, {"t.counted": Handler(seen.run)}, stalled_seconds=0.6):
        await until(lambda: is_waiting(database, tenant))
        assert _row(database_urls, tenant)["counts"] == {"deaths": 4, "errors": 1}


async def test_stopping_puts_back_what_is_not_done(
    database: Database, database_urls: DatabaseUrls, tenant: Principal
) -> None:
    started = asyncio.Event()

    async def endless(scope: Scope) -> None:
        started.set()
        await asyncio.Event().wait()

    async with working(database_urls, {"t.endless": Handler(endless)}, stop_seconds=0.1):
        await enqueue(database, tenant, "t.endless")
        await asyncio.wait_for(started.wait(), 20)
    assert await is_waiting(database, tenant)


# --- a plugin that is gone --------------------------------------------------------------------


async def test_a_job_whose_plugin_is_missing_waits_and_runs_once_it_is_back(
    database: Database, database_urls: DatabaseUrls, tenant: Principal
) -> None:
    seen = Seen()
    async with working(database_urls, {}):
        await enqueue(database, tenant, "t.missing")
        await until(lambda: _has_missed(database_urls, tenant))
    with psycopg.connect(libpq_url(database_urls.owner)) as connection:  # days later
        connection.execute(
            "UPDATE jobs.procrastinate_jobs SET scheduled_at = now() + interval '1 hour'"
            " WHERE task_name = 't.missing'"
        )
    async with working(database_urls, {"t.missing": Handler(seen.run)}):
        await seen.finished()
    assert len(seen.calls) == 1


async def _has_missed(urls: DatabaseUrls, owner: Principal) -> bool:
    row = _row(urls, owner)
    return row["status"] == "todo" and "missing" in row["counts"]


def _row(urls: DatabaseUrls, owner: Principal) -> dict[str, Any]:
    with psycopg.connect(libpq_url(urls.owner)) as connection:
        row = connection.execute(
            "SELECT status::text, coalesce(args->'counts', '{}') FROM jobs.procrastinate_jobs"
            " WHERE args->>'tenant_id' = %s",
            [str(owner.tenant_id)],
        ).fetchone()
    assert row is not None
    return {"status": row[0], "counts": row[1]}


# --- a database that is gone ------------------------------------------------------------------


async def test_the_worker_goes_on_after_the_database_hung_up(
    database: Database, database_urls: DatabaseUrls, tenant: Principal
) -> None:
    first, second = Seen(), Seen()
    handlers = {"t.before": Handler(first.run), "t.after": Handler(second.run)}
    async with working(database_urls, handlers, stalled_seconds=1.5):
        await enqueue(database, tenant, "t.before")
        await first.finished()
        with psycopg.connect(libpq_url(database_urls.owner), autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND usename LIKE '%_app'"
                " AND application_name <> 'baukasten'"
            )
        await enqueue(database, tenant, "t.after")
        await second.finished()


async def test_a_worker_that_the_database_has_forgotten_starts_anew(
    database: Database, database_urls: DatabaseUrls, tenant: Principal
) -> None:
    first, second = Seen(), Seen()
    handlers = {"test.first": Handler(first.run), "test.second": Handler(second.run)}
    async with working(database_urls, handlers, stalled_seconds=0.6):
        await enqueue(database, tenant, "test.first", document_id=uuid4())
        await first.finished()
        async with await psycopg.AsyncConnection.connect(
            libpq_url(database_urls.owner), autocommit=True
        ) as connection:
            await connection.execute("DELETE FROM jobs.procrastinate_workers")
        await enqueue(database, tenant, "test.second", document_id=uuid4())
        await second.finished()


@contextmanager
def _refusing(urls: DatabaseUrls) -> Iterator[None]:
    """The database answers, but refuses everything about jobs."""
    with psycopg.connect(libpq_url(urls.owner), autocommit=True) as connection:
        connection.execute("REVOKE USAGE ON SCHEMA jobs FROM baukasten_app")
        try:
            yield
        finally:
            connection.execute("GRANT USAGE ON SCHEMA jobs TO baukasten_app")


async def test_a_job_whose_database_was_gone_counts_no_dead_worker(
    database: Database, database_urls: DatabaseUrls, tenant: Principal
) -> None:
    started, again = asyncio.Event(), asyncio.Event()

    async def run(scope: Scope) -> None:
        if started.is_set():
            again.set()
        started.set()
        await asyncio.Event().wait()

    options = {"stalled_seconds": 0.6, "stop_seconds": 0.1}
    async with working(database_urls, {"t.cut_off": Handler(run)}, **options):
        await enqueue(database, tenant, "t.cut_off")
        await asyncio.wait_for(started.wait(), 20)
        with _refusing(database_urls):
            await until(lambda: _is_silent(database_urls))
        await asyncio.wait_for(again.wait(), 20)
        assert _row(database_urls, tenant)["counts"] == {"outages": 1}


async def test_a_job_that_will_not_end_holds_up_no_other(
    database: Database, database_urls: DatabaseUrls, tenant: Principal
) -> None:
    started, ended, seen = asyncio.Event(), asyncio.Event(), Seen()

    async def stubborn(scope: Scope) -> None:
        started.set()
        while not ended.is_set():
            try:
                await ended.wait()
            except asyncio.CancelledError:
                continue

    handlers = {"t.stubborn": Handler(stubborn), "t.other": Handler(seen.run)}
    options = {"stalled_seconds": 0.6, "stop_seconds": 0.1}
    async with working(database_urls, handlers, **options):
        await enqueue(database, tenant, "t.stubborn")
        await asyncio.wait_for(started.wait(), 20)
        with _refusing(database_urls):
            await until(lambda: _is_silent(database_urls))
        await enqueue(database, tenant, "t.other")
        try:
            await seen.finished()
        finally:
            ended.set()


async def _is_silent(urls: DatabaseUrls) -> bool:
    with psycopg.connect(libpq_url(urls.owner)) as connection:
        row = connection.execute(
            "SELECT count(*) = 0 FROM jobs.procrastinate_workers"
            " WHERE last_heartbeat > now() - interval '0.7 s'"
        ).fetchone()
    return bool(row and row[0])


async def test_a_sweep_ends_although_its_cancellation_is_lost(database_urls: DatabaseUrls) -> None:
    connector = procrastinate.PsycopgConnector(
        conninfo=libpq_url(database_urls.app),
        min_size=2,
        max_size=2,
        kwargs={"options": "-c search_path=jobs"},
    )
    app, execution = procrastinate.App(connector=connector), Execution({}, ())
    async with app.open_async(), asyncio.timeout(20):
        worker = ProcrastinateWorker(app)
        sweeper = Sweeper(
            *(app, worker, execution), former=set(), stalled_seconds=0.03, alive=lambda: None
        )
        taken = [await connector.pool.getconn() for _ in range(2)]
        async with sweeper.sweeping():
            while not connector.pool.get_stats().get("requests_waiting"):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            # The sweep gets its connection and its cancellation in the same moment.
            for connection in taken:
                await connector.pool.putconn(connection)
