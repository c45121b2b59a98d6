"""Jobs: queued with their row, run once and again, given up with a word, never lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

import psycopg
import pytest
from sqlalchemy import text

from baukasten_core.contracts.auth import Principal, Scope
from baukasten_core.db.session import Database
from baukasten_core.db.urls import libpq_url
from baukasten_core.errors import Unavailable, Unprocessable
from baukasten_core.jobs import Handler, Jobs, Periodic
from baukasten_core.jobs.worker import Worker
from baukasten_core.testing.fixtures_db import DatabaseUrls

QUEUED = text("SELECT count(*) FROM jobs.procrastinate_jobs WHERE args->>'tenant_id' = :tenant")


@asynccontextmanager
async def working(
    urls: DatabaseUrls, handlers: Mapping[str, Handler], **options: object
) -> AsyncIterator[Worker]:
    worker = Worker(urls.app, handlers, **options)  # type: ignore[arg-type]
    task = asyncio.create_task(worker.run())
    try:
        yield worker
    finally:
        await worker.stop()
        await task


class Seen:
    """A handler that notes its calls; `fails` are raised one after the other."""

    def __init__(self, *fails: Exception) -> None:
        self.calls: list[tuple[Scope, dict[str, object]]] = []
        self.failures: list[Exception] = []
        self.fails = list(fails)
        self.done = asyncio.Event()

    async def run(self, scope: Scope, **ids: object) -> None:
        self.calls.append((scope, ids))
        if self.fails:
            raise self.fails.pop(0)
        self.done.set()

    async def failed(self, scope: Scope, error: Exception, **ids: object) -> None:
        self.failures.append(error)
        self.done.set()

    async def finished(self) -> None:
        await asyncio.wait_for(self.done.wait(), 20)


async def enqueue(database: Database, owner: Principal, job: str, **ids: UUID) -> None:
    async with database.transaction(owner.scope) as session:
        await Jobs().enqueue(session, owner, job, **ids)


async def count(database: Database, owner: Principal) -> int:
    async with database.transaction(owner.scope) as session:
        return int(await session.scalar(QUEUED, {"tenant": str(owner.tenant_id)}) or 0)


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(20):
        while not await condition():  # noqa: ASYNC110 (another connection's commit)
            await asyncio.sleep(0.05)


async def test_a_job_runs_as_its_owner_with_its_ids(
    database: Database, database_urls: DatabaseUrls, tenant: Principal
) -> None:
    seen, about = Seen(), uuid4()
    async with working(database_urls, {"t.run": Handler(seen.run)}) as worker:
        await enqueue(database, tenant, "t.run", about=about)
        await seen.finished()
        assert seen.calls == [(tenant.scope, {"about": about})]
        assert await worker.health() is None
        await until(lambda: _none_left(database, tenant))
    assert await worker.health() is not None


async def _none_left(database: Database, owner: Principal) -> bool:
    return await count(database, owner) == 0


async def test_a_job_exists_if_and_only_if_the_transaction_commits(
    database: Database, tenant: Principal
) -> None:
    async with database.transaction(tenant.scope) as session:
        await Jobs().enqueue(session, tenant, "t.never", about=uuid4())
        await session.rollback()
    assert await count(database, tenant) == 0


async def test_jobs_carry_ids_only(database: Database, tenant: Principal) -> None:
    async with database.transaction(tenant.scope) as session:
        with pytest.raises(TypeError, match="ids only"):
            await Jobs().enqueue(session, tenant, "t.text", note="some text")  # type: ignore[arg-type]


async def test_an_error_is_tried_again(
    database: Database, database_urls: DatabaseUrls, tenant: Principal
) -> None:
    seen = Seen(RuntimeError("once"))
    async with working(database_urls, {"t.again": Handler(seen.run, seen.failed)}):
        await enqueue(database, tenant, "t.again")
        await seen.finished()
    assert len(seen.calls) == 2
    assert not seen.failures


async def test_what_trying_again_cannot_mend_fails_at_once_and_is_said(
    database: Database, database_urls: DatabaseUrls, tenant: Principal
) -> None:
    seen = Seen(Unprocessable("The file is encrypted."))
    async with working(database_urls, {"t.final": Handler(seen.run, seen.failed)}):
        await enqueue(database, tenant, "t.final")
        await seen.finished()
    assert len(seen.calls) == 1
    assert [str(error) for error in seen.failures] == ["The file is encrypted."]


def test_what_is_down_is_waited_for_longer_than_a_bug() -> None:
    handler = Handler(Seen().run)
    assert handler.wait(RuntimeError(), 3) is None
    assert handler.wait(Unavailable("down"), 50) == 60
    assert handler.wait(Unavailable("down"), 500) is None


async def test_a_failed_on_failure_is_tried_again(
    database: Database,
    database_urls: DatabaseUrls,
    tenant: Principal,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen = Seen(Unprocessable("broken"))
    calls: list[Exception] = []

    async def failed(scope: Scope, error: Exception, **ids: object) -> None:
        calls.append(error)
        seen.done.set()
        raise RuntimeError("the database is gone")

    async with working(database_urls, {"t.unsaid": Handler(seen.run, failed)}):
        await enqueue(database, tenant, "t.unsaid")
        await seen.finished()
        await until(lambda: _is_waiting(database, tenant))
    assert len(calls) == 1


async def _is_waiting(database: Database, owner: Principal) -> bool:
    async with database.transaction(owner.scope) as session:
        status = text(
            "SELECT status::text FROM jobs.procrastinate_jobs WHERE args->>'tenant_id' = :tenant"
        )
        return await session.scalar(status, {"tenant": str(owner.tenant_id)}) == "todo"


async def test_forgetting_removes_what_waits_and_nothing_else(
    database: Database, tenant: Principal, stranger: Principal
) -> None:
    one, two = uuid4(), uuid4()
    for owner, about in ((tenant, one), (tenant, two), (stranger, one)):
        await enqueue(database, owner, "t.waits", about=about)
    async with database.transaction(tenant.scope) as session:
        assert await Jobs().forget(session, tenant.tenant_id, about=one) == 1
    assert await count(database, tenant) == 1
    async with database.transaction(tenant.scope) as session:
        assert (await Jobs().pending(session))["t.waits"] == 2
        removed = await Jobs().forget(session, tenant.tenant_id, user_id=tenant.user_id)
        assert removed == 1
    assert await count(database, stranger) == 1


async def test_a_dead_workers_job_is_taken_up_again(
    database: Database, database_urls: DatabaseUrls, tenant: Principal
) -> None:
    seen = Seen()
    await enqueue(database, tenant, "t.orphan")
    _die_with(database_urls, tenant, attempts=0)
    async with working(database_urls, {"t.orphan": Handler(seen.run)}, stalled_seconds=0.6):
        await seen.finished()


async def test_a_job_that_kills_its_workers_is_given_up(
    database: Database, database_urls: DatabaseUrls, tenant: Principal
) -> None:
    seen = Seen()
    await enqueue(database, tenant, "t.poison")
    _die_with(database_urls, tenant, attempts=6)
    handler = Handler(seen.run, seen.failed)
    async with working(database_urls, {"t.poison": handler}, stalled_seconds=0.6):
        await seen.finished()
    assert not seen.calls
    assert len(seen.failures) == 1


def _die_with(urls: DatabaseUrls, owner: Principal, *, attempts: int) -> None:
    """As a worker leaves its job behind when it is killed."""
    with psycopg.connect(libpq_url(urls.owner), options="-c search_path=jobs") as connection:
        connection.execute(
            "WITH w AS (INSERT INTO procrastinate_workers (last_heartbeat)"
            " VALUES (now() - interval '1 hour') RETURNING id)"
            " UPDATE procrastinate_jobs SET status = 'doing', attempts = %s,"
            " worker_id = (SELECT id FROM w) WHERE args->>'tenant_id' = %s",
            [attempts, str(owner.tenant_id)],
        )


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
    assert await _is_waiting(database, tenant)


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


async def test_periodic_work_comes_round(database_urls: DatabaseUrls) -> None:
    turned = asyncio.Event()

    async def turn() -> None:
        turned.set()

    every_second = Periodic("t.tick", "* * * * * *", turn)
    async with working(database_urls, {}, periodic=[every_second]):
        await asyncio.wait_for(turned.wait(), 20)


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
