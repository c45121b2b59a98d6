"""What dead workers left behind: the library lists their jobs, and this takes them up again."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import procrastinate
import psycopg
import structlog
from procrastinate.jobs import Job, Status
from procrastinate.worker import Worker as ProcrastinateWorker

from baukasten_core.errors import Unavailable
from baukasten_core.jobs.execution import Execution
from baukasten_core.jobs.handlers import WorkerDied
from baukasten_core.logs import traceback_of

log = structlog.get_logger("baukasten.jobs")

SWEEP_LOCK = 7_201_418_327
LIVING = (
    "SELECT 1 FROM procrastinate_workers WHERE id = %s"
    " AND last_heartbeat > now() - make_interval(secs => %s)"
)


class Sweeper:
    """Looks for jobs that nobody runs any more, as long as one turn of a worker lasts.

    Args:
        former: the worker's ids in earlier turns that ended without a word to the database.
        stalled_seconds: when a worker that has been silent so long counts as dead.
        alive: called as often as the database is found to hear from our worker.
    """

    def __init__(
        self,
        app: procrastinate.App,
        worker: ProcrastinateWorker,
        execution: Execution,
        *,
        former: set[int],
        stalled_seconds: float,
        alive: Callable[[], None],
    ) -> None:
        self._app = app
        self._worker = worker
        self._execution = execution
        self._former = former
        self._stalled_seconds = stalled_seconds
        self._alive = alive
        self._suspects: set[int] = set()
        self._over = asyncio.Event()

    @asynccontextmanager
    async def sweeping(self) -> AsyncIterator[None]:
        """Sweep again and again meanwhile."""
        task = asyncio.create_task(self._sweep_again())
        try:
            yield
        finally:
            # Before Python 3.12, `asyncio.wait_for` loses a cancellation that comes as its result
            # does, and it does: the worker's last act is to give its connection back, for which
            # a sweep may be waiting in the pool.
            self._over.set()
            task.cancel()
            await asyncio.wait([task])

    async def _sweep_again(self) -> None:
        while not await self._over_within(self._stalled_seconds / 3):
            try:
                await self.sweep()
            except Exception as error:
                log.warning("sweep failed", **traceback_of(error))

    async def _over_within(self, seconds: float) -> bool:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._over.wait(), seconds)
        return self._over.is_set()

    async def sweep(self) -> None:
        """Take up the jobs of dead workers, and those of ours whose end nobody knows."""
        connector, manager = self._app.connector, self._app.job_manager
        assert isinstance(connector, procrastinate.PsycopgConnector)
        async with connector.pool.connection() as connection:
            await self._show_life(connection)
            # One sweeper at a time, or a job just taken up would be put back again.
            cursor = await connection.execute("SELECT pg_try_advisory_xact_lock(%s)", [SWEEP_LOCK])
            row = await cursor.fetchone()
            if row is None or not row[0]:
                return
            for job in [*await self._left_behind(), *await self._unfinished()]:
                await self._take_up(job, Unavailable("The job's end could not be written down."))
            silent = self._stalled_seconds
            for job in await manager.get_stalled_jobs(seconds_since_heartbeat=silent):
                await self._take_up(job, WorkerDied())

    async def _show_life(self, connection: psycopg.AsyncConnection[Any]) -> None:
        ours = [self._worker.worker_id, self._stalled_seconds]
        if await (await connection.execute(LIVING, ours)).fetchone():
            self._alive()

    async def _left_behind(self) -> list[Job]:
        """Jobs of our earlier turns. They ended because the database was gone: nobody died."""
        jobs = [job for worker_id in self._former for job in await self._doing(worker_id)]
        self._former.clear()
        return jobs

    async def _unfinished(self) -> list[Job]:
        """Jobs that count as ours but don't run: their end could not be written down. Seen
        twice, so that one whose end is being written right now is left alone."""
        if self._worker.worker_id is None:
            return []
        doing = {job.id: job for job in await self._doing(self._worker.worker_id)}
        idle = {job_id for job_id in doing if job_id and job_id not in self._execution.running}
        again, self._suspects = self._suspects & idle, idle
        return [doing[job_id] for job_id in again]

    async def _doing(self, worker_id: int) -> list[Job]:
        manager = self._app.job_manager
        return list(await manager.list_jobs_async(worker_id=worker_id, status="doing"))

    async def _take_up(self, job: Job, error: Exception) -> None:
        assert job.id is not None
        manager = self._app.job_manager
        wait = await self._execution.wait_after(self._app, job, error)
        if wait is None:
            await manager.finish_job(job, Status.FAILED, delete_job=False)
            return
        due = datetime.now(UTC) + timedelta(seconds=wait)
        await manager.retry_job_by_id_async(job.id, retry_at=due)
