"""The worker: runs jobs until it is stopped, and takes up again what a dead one left behind."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import procrastinate
import psycopg
import structlog
from procrastinate.job_context import JobContext
from procrastinate.jobs import Job, Status
from procrastinate.retry import BaseRetryStrategy, RetryDecision
from procrastinate.worker import Worker as ProcrastinateWorker

from baukasten_core.db.urls import libpq_url
from baukasten_core.jobs.handlers import Handler, Periodic, decode
from baukasten_core.logs import traceback_of

log = structlog.get_logger("baukasten.jobs")

SWEEP_LOCK = 7_201_418_327
DEATHS = 3
"""How many workers a job may take down with it before it counts as failed."""

POLL_SECONDS = 1.0
"""New jobs are announced by the database; those whose wait is over are found by looking."""

REGISTERED = "SELECT 1 FROM procrastinate_workers WHERE id = %s"

OPTIONS = "-c search_path=jobs,pg_catalog -c statement_timeout=30000"


class JobFailed(Exception):
    """A job's error as it may be logged: its type, not its message. `wait` None: for good."""

    def __init__(self, error: Exception, wait: float | None) -> None:
        super().__init__(type(error).__name__)
        self.wait = wait


class WorkerDied(Exception):
    """A job whose workers died with it, again and again."""


class _Strategy(BaseRetryStrategy):
    """A job's own wrapper has decided already; one that was cut off goes back at once."""

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        if isinstance(exception, JobFailed):
            wait = exception.wait
            return None if wait is None else RetryDecision(retry_in={"seconds": int(wait)})
        return RetryDecision() if isinstance(exception, asyncio.CancelledError) else None


class Worker:
    """Runs jobs in this process.

        worker = Worker(url, handlers)
        task = asyncio.create_task(worker.run())
        ...
        await worker.stop()

    Args:
        url: of the app role.
        handlers: by job name.
        concurrency: jobs at a time.
        stalled_seconds: when a worker that has been silent so long counts as dead.
        stop_seconds: how long `stop` waits for running jobs before it puts them back.
    """

    def __init__(
        self,
        url: str,
        handlers: Mapping[str, Handler],
        *,
        periodic: Sequence[Periodic] = (),
        concurrency: int = 2,
        stalled_seconds: float = 30.0,
        stop_seconds: float = 5.0,
    ) -> None:
        self._conninfo = libpq_url(url)
        self._handlers = dict(handlers)
        self._periodic = periodic
        self._concurrency = concurrency
        self._stalled_seconds = stalled_seconds
        self._stop_seconds = stop_seconds
        self._stopping = asyncio.Event()
        self._stopped = asyncio.Event()
        self._stopped.set()
        self._worker: ProcrastinateWorker | None = None
        self._running: set[int] = set()
        self._suspects: set[int] = set()
        self._patience = 2 * stalled_seconds
        self._alive_at = time.monotonic()
        self._trouble: str | None = "the worker has not been started"

    async def run(self) -> None:
        """Run jobs until `stop`. A database that goes away is waited for."""
        self._stopping.clear()
        self._stopped.clear()
        pause = 0.5
        try:
            while not self._stopping.is_set():
                try:
                    await self._watched(asyncio.create_task(self._run_once()))
                    pause = 0.5
                except Exception as error:
                    # The database is gone, most likely; whatever it is, jobs must go on.
                    self._trouble = (
                        f"the worker starts again after an error: {type(error).__name__}"
                    )
                    log.warning("worker starts again", **traceback_of(error))
                await self._sleep(pause)
                pause = min(pause * 2, 10.0)
        finally:
            self._trouble = "the worker is stopped"
            self._stopped.set()

    async def stop(self) -> None:
        """Take no more jobs, give running ones `stop_seconds`, put back what is not done."""
        self._stopping.set()
        if self._worker is not None:
            self._worker.stop()  # type: ignore[no-untyped-call]
        await self._stopped.wait()

    async def drain(self) -> None:
        """Run what is due now, to its end, and return: for tests and scripts."""
        app = self._app()
        async with app.open_async():
            await self._library_worker(app, wait=False).run()  # type: ignore[no-untyped-call]

    async def health(self) -> str | None:
        """None when jobs are being run, else why not."""
        if self._trouble is None and self._silent_for() > self._patience:
            return f"the worker has shown no sign of life for {self._silent_for():.0f} s"
        return self._trouble

    async def _watched(self, turn: asyncio.Task[None]) -> None:
        """Wait for a turn to end; one that shows no sign of life is given up for a new one.

        After the database was gone, the library may wait for ever for something that will not
        come, and jobs must go on. What the old turn still holds is taken up like a dead worker's.
        """
        self._alive_at = time.monotonic()
        try:
            while not turn.done():
                await asyncio.wait([turn], timeout=self._stalled_seconds / 3)
                if not turn.done() and self._silent_for() > self._patience:
                    log.warning("worker is given up", silent_seconds=round(self._silent_for()))
                    turn.cancel()
                    await asyncio.wait([turn], timeout=self._stop_seconds)
                    return
            turn.result()
        finally:
            turn.cancel()

    def _silent_for(self) -> float:
        return time.monotonic() - self._alive_at

    async def _run_once(self) -> None:
        app = self._app()
        async with app.open_async():
            self._running.clear()
            worker = self._worker = self._library_worker(app, wait=True)
            sweeper = asyncio.create_task(self._sweep_for_ever(app))
            self._trouble = None
            try:
                if not self._stopping.is_set():
                    await worker.run()  # type: ignore[no-untyped-call]
            finally:
                if self._worker is worker:  # a turn that was given up ends late
                    self._worker = None
                sweeper.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await sweeper

    def _library_worker(self, app: procrastinate.App, *, wait: bool) -> ProcrastinateWorker:
        return ProcrastinateWorker(
            app=app,
            concurrency=self._concurrency,
            wait=wait,
            install_signal_handlers=False,
            delete_jobs="successful",
            update_heartbeat_interval=self._stalled_seconds / 3,
            stalled_worker_timeout=self._stalled_seconds,
            shutdown_graceful_timeout=self._stop_seconds,
            fetch_job_polling_interval=POLL_SECONDS,
        )

    async def _sleep(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)

    # --- running a job ----------------------------------------------------------------------

    def _app(self) -> procrastinate.App:
        app = procrastinate.App(
            connector=procrastinate.PsycopgConnector(
                conninfo=self._conninfo,
                min_size=1,
                max_size=3,
                kwargs={"options": OPTIONS, "prepare_threshold": None},
            )
        )
        for name, handler in self._handlers.items():
            app.task(name=name, pass_context=True, retry=_Strategy())(self._execution(handler))
        for work in self._periodic:
            task = app.task(name=work.name, retry=_Strategy())(_periodic(work))
            app.periodic(cron=work.cron)(task)
        return app

    def _execution(self, handler: Handler) -> Any:
        async def execute(context: JobContext, **arguments: Any) -> None:
            job = context.job
            assert job.id is not None
            self._running.add(job.id)
            try:
                await self._execute(handler, job, arguments)
            finally:
                self._running.discard(job.id)

        return execute

    async def _execute(self, handler: Handler, job: Job, arguments: Mapping[str, Any]) -> None:
        scope, ids = decode(arguments)
        try:
            await handler.run(scope, **ids)
        except Exception as error:
            wait = handler.wait(error, job.attempts)
            log.warning(
                "job failed",
                job=job.task_name,
                job_id=job.id,
                attempts=job.attempts,
                again_in=wait,
                **traceback_of(error),
            )
            if wait is None:
                await self._give_up(handler, job, error)
            # Its message may quote somebody's text, and the library logs it.
            raise JobFailed(error, wait) from None

    async def _give_up(self, handler: Handler, job: Job, error: Exception) -> None:
        if handler.on_failure is None:
            return
        scope, ids = decode(job.task_kwargs)
        try:
            await handler.on_failure(scope, error, **ids)
        except Exception as second:
            log.warning("job's on_failure failed", job=job.task_name, **traceback_of(second))
            wait = 30.0 if job.attempts < 100 else None
            raise JobFailed(second, wait) from None

    # --- what dead workers left behind --------------------------------------------------------

    async def _sweep_for_ever(self, app: procrastinate.App) -> None:
        while True:
            await asyncio.sleep(self._stalled_seconds / 3)
            try:
                await self._sweep(app)
            except Exception as error:
                log.warning("sweep failed", **traceback_of(error))

    async def _sweep(self, app: procrastinate.App) -> None:
        """Take up again the jobs of silent workers: the library only lists them."""
        connector = app.connector
        assert isinstance(connector, procrastinate.PsycopgConnector)
        async with connector.pool.connection() as connection:
            await self._show_life(connection)
            # One sweeper at a time, or a job just taken up would be put back again.
            cursor = await connection.execute("SELECT pg_try_advisory_xact_lock(%s)", [SWEEP_LOCK])
            row = await cursor.fetchone()
            if row is None or not row[0]:
                return
            stalled = await app.job_manager.get_stalled_jobs(
                seconds_since_heartbeat=self._stalled_seconds
            )
            for job in [*stalled, *await self._lost(app)]:
                await self._take_up(app, job)

    async def _show_life(self, connection: psycopg.AsyncConnection[Any]) -> None:
        """We live while the database knows our worker."""
        worker_id = self._worker.worker_id if self._worker else None
        cursor = await connection.execute(REGISTERED, [worker_id])
        if await cursor.fetchone():
            self._alive_at = time.monotonic()

    async def _lost(self, app: procrastinate.App) -> list[Job]:
        """Jobs that count as ours but don't run: their end could not be written down. Seen
        twice, so that one whose end is being written right now is left alone."""
        worker_id = self._worker.worker_id if self._worker else None
        if worker_id is None:
            return []
        ours = list(await app.job_manager.list_jobs_async(worker_id=worker_id, status="doing"))
        idle = {job.id: job for job in ours if job.id is not None and job.id not in self._running}
        again, self._suspects = self._suspects & set(idle), set(idle)
        return [idle[job_id] for job_id in again]

    async def _take_up(self, app: procrastinate.App, job: Job) -> None:
        assert job.id is not None
        handler = self._handlers.get(job.task_name)
        log.warning("job taken up again", job=job.task_name, job_id=job.id, attempts=job.attempts)
        if handler is None or job.attempts < handler.retries + DEATHS:
            await app.job_manager.retry_job_by_id_async(job.id, retry_at=datetime.now(UTC))
            return
        with contextlib.suppress(JobFailed):
            await self._give_up(handler, job, WorkerDied())
        await app.job_manager.finish_job(job, Status.FAILED, delete_job=False)


def _periodic(work: Periodic) -> Any:
    async def turn(timestamp: int) -> None:
        try:
            await work.run()
        except Exception as error:
            log.warning("periodic work failed", work=work.name, **traceback_of(error))

    return turn
