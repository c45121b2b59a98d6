"""The worker: runs jobs until it is stopped, and takes up again what a dead one left behind."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Mapping, Sequence

import procrastinate
import structlog
from procrastinate.worker import Worker as ProcrastinateWorker

from baukasten_core.db.urls import libpq_url
from baukasten_core.jobs.execution import Execution
from baukasten_core.jobs.handlers import Handler, Periodic
from baukasten_core.jobs.sweep import Sweeper
from baukasten_core.logs import traceback_of

log = structlog.get_logger("baukasten.jobs")

POLL_SECONDS = 1.0
"""New jobs are announced by the database; those whose wait is over are found by looking."""

OPTIONS = "-c search_path=jobs,pg_catalog -c statement_timeout=30000"


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
        self._former: set[int] = set()
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
        async with self._open(Execution(self._handlers, self._periodic)) as app:
            await self._library_worker(app, wait=False).run()  # type: ignore[no-untyped-call]

    async def health(self) -> str | None:
        """None when jobs are being run, else why not."""
        if self._trouble is None and self._silent_for() > self._patience:
            return f"the worker has shown no sign of life for {self._silent_for():.0f} s"
        return self._trouble

    async def _watched(self, turn: asyncio.Task[None]) -> None:
        """Wait for a turn to end; one that shows no sign of life is given up for a new one.

        The library ends a turn, as when the database was gone, by cancelling its jobs, and waits
        for them without limit: one that swallows its cancellation would hold up all others. So
        would a query to a host that vanished, until TCP gives up after a quarter of an hour. What
        the old turn still holds is taken up like a dead worker's.
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

    def _show_life(self) -> None:
        self._alive_at = time.monotonic()

    def _silent_for(self) -> float:
        return time.monotonic() - self._alive_at

    async def _run_once(self) -> None:
        execution = Execution(self._handlers, self._periodic)
        async with self._open(execution) as app:
            worker = self._worker = self._library_worker(app, wait=True)
            sweeper = Sweeper(
                *(app, worker, execution),
                former=self._former,
                stalled_seconds=self._stalled_seconds,
                alive=self._show_life,
            )
            await sweeper.sweep()
            self._trouble = None
            try:
                async with sweeper.sweeping():
                    if not self._stopping.is_set():
                        await worker.run()  # type: ignore[no-untyped-call]
            finally:
                if worker.worker_id is not None:  # it could not say that it ended
                    self._former.add(worker.worker_id)
                if self._worker is worker:  # a turn that was given up ends late
                    self._worker = None

    @contextlib.asynccontextmanager
    async def _open(self, execution: Execution) -> AsyncIterator[procrastinate.App]:
        connector = procrastinate.PsycopgConnector(
            conninfo=self._conninfo,
            min_size=1,
            max_size=3,
            kwargs={"options": OPTIONS, "prepare_threshold": None},
        )
        app = procrastinate.App(connector=connector)
        execution.register(app)
        async with app.open_async():
            await execution.wake(app)
            yield app

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
