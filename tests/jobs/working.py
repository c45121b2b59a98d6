"""What tests of the worker share: a worker at work, a handler that notes its calls, the queue."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb
from sqlalchemy import text

from baukasten_core.contracts.auth import Principal, Scope
from baukasten_core.db.session import Database
from baukasten_core.db.urls import libpq_url
from baukasten_core.jobs import Handler, Jobs
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


async def none_left(database: Database, owner: Principal) -> bool:
    return await count(database, owner) == 0


async def is_waiting(database: Database, owner: Principal) -> bool:
    async with database.transaction(owner.scope) as session:
        status = text(
            "SELECT status::text FROM jobs.procrastinate_jobs WHERE args->>'tenant_id' = :tenant"
        )
        return await session.scalar(status, {"tenant": str(owner.tenant_id)}) == "todo"


def die_with(urls: DatabaseUrls, owner: Principal, **counts: int) -> None:
    """Leave a job behind as a killed worker does, after so much trouble of each kind."""
    with psycopg.connect(libpq_url(urls.owner), options="-c search_path=jobs") as connection:
        connection.execute(
            "WITH w AS (INSERT INTO procrastinate_workers (last_heartbeat)"
            " VALUES (now() - interval '1 hour') RETURNING id)"
            " UPDATE procrastinate_jobs SET status = 'doing', attempts = %s,"
            " args = args || %s, worker_id = (SELECT id FROM w) WHERE args->>'tenant_id' = %s",
            [sum(counts.values()), Jsonb({"counts": counts}), str(owner.tenant_id)],
        )
