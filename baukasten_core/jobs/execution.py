"""Running a job: what its error counts as, when it is tried again, and who is told in the end."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import procrastinate
import structlog
from procrastinate.job_context import JobContext
from procrastinate.jobs import Job
from procrastinate.retry import BaseRetryStrategy, RetryDecision

from baukasten_core.contracts.auth import Scope
from baukasten_core.jobs.handlers import (
    UNTOLD,
    Budget,
    Handler,
    HandlerMissing,
    Periodic,
    counts_of,
    decode,
)
from baukasten_core.logs import traceback_of

log = structlog.get_logger("baukasten.jobs")

COUNT = "UPDATE procrastinate_jobs SET args = args || %(counts)s WHERE id = %(job_id)s"
WAKE = (
    "UPDATE procrastinate_jobs SET scheduled_at = now(), args = args #- '{counts,missing}'"
    " WHERE status = 'todo' AND task_name = ANY(%(names)s)"
    " AND args #> '{counts,missing}' IS NOT NULL"
)
MISSING_TASK = "core.missing"


class JobFailed(Exception):
    """A job's error as it may be logged: its type, not its message. `wait` None: for good."""

    def __init__(self, error: Exception, wait: float | None) -> None:
        super().__init__(type(error).__name__)
        self.wait = wait


class Execution:
    """Runs jobs by their handlers, and counts in each job's row what befell it.

    The library counts tries of every kind together, and fails a job that it doesn't know.
    """

    def __init__(self, handlers: Mapping[str, Handler], periodic: Sequence[Periodic]) -> None:
        self._periodic = periodic
        self._handlers = {**handlers, **{work.name: Handler(_turn(work)) for work in periodic}}
        self.running: set[int] = set()

    def register(self, app: procrastinate.App) -> None:
        """Have `app` run our jobs, and keep those of which it knows no handler."""
        for name in (*self._handlers, MISSING_TASK):
            app.task(name=name, pass_context=True, retry=_Strategy())(self._execute)
        for work in self._periodic:
            app.periodic(cron=work.cron)(app.tasks[work.name])
        app.tasks = _Tasks(app.tasks)

    async def wake(self, app: procrastinate.App) -> None:
        """Have what waited for its plugin run now, if the plugin is back."""
        await app.connector.execute_query_async(WAKE, names=list(self._handlers))

    async def wait_after(self, app: procrastinate.App, job: Job, error: Exception) -> float | None:
        """Seconds until a job's next try; None when it is given up, and `on_failure` was told."""
        handler, counts = self._handler(job), counts_of(job.task_kwargs)
        budget = handler.budget(error)
        wait = budget.wait(counts)
        log.warning(
            "job failed",
            job=job.task_name,
            job_id=job.id,
            counts=counts,
            again_in=wait,
            **traceback_of(error),
        )
        if wait is None and not await _told(handler, job, error):
            budget = UNTOLD
            wait = budget.wait(counts)
        if wait is not None:
            await self._count(app, job, budget, counts)
        return wait

    async def _execute(self, context: JobContext, /, **arguments: Any) -> None:
        job = context.job
        assert job.id is not None
        self.running.add(job.id)
        try:
            scope, ids = decode(arguments)
            await self._handler(job).run(scope, **ids)
        except Exception as error:
            # Its message may quote somebody's text, and the library logs it.
            raise JobFailed(error, await self.wait_after(context.app, job, error)) from None
        finally:
            self.running.discard(job.id)

    def _handler(self, job: Job) -> Handler:
        return self._handlers.get(job.task_name, _MISSING)

    async def _count(
        self, app: procrastinate.App, job: Job, budget: Budget, counts: Mapping[str, int]
    ) -> None:
        counted = {**counts, budget.kind: counts.get(budget.kind, 0) + 1}
        try:
            await app.connector.execute_query_async(
                COUNT, job_id=job.id, counts={"counts": counted}
            )
        except Exception as error:
            # Tried once too often is better than lost.
            log.warning("job not counted", job=job.task_name, **traceback_of(error))


async def _told(handler: Handler, job: Job, error: Exception) -> bool:
    if handler.on_failure is None:
        return True
    scope, ids = decode(job.task_kwargs)
    try:
        await handler.on_failure(scope, error, **ids)
    except Exception as second:
        log.warning("job's on_failure failed", job=job.task_name, **traceback_of(second))
        return False
    return True


async def _missing(_scope: Scope, **_ids: Any) -> None:
    raise HandlerMissing


_MISSING = Handler(_missing)


def _turn(work: Periodic) -> Any:
    async def turn(_scope: Scope) -> None:
        try:
            await work.run()
        except Exception as error:
            # It comes round again; meanwhile the next turn need not wait for this one.
            log.warning("periodic work failed", work=work.name, **traceback_of(error))

    return turn


class _Tasks(dict[str, Any]):
    """The library's tasks by name; a job of any other name has the task that waits."""

    def get(self, name: str, default: Any = None) -> Any:
        return super().get(name) or self[MISSING_TASK]


class _Strategy(BaseRetryStrategy):
    """A job's execution has decided already; one that was cut off goes back at once."""

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        if isinstance(exception, JobFailed):
            wait = exception.wait
            return None if wait is None else RetryDecision(retry_in={"seconds": int(wait)})
        return RetryDecision() if isinstance(exception, asyncio.CancelledError) else None
