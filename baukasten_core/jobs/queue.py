"""The queue as the rest of the platform sees it: one statement in the caller's transaction."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from baukasten_core.contracts.auth import Principal, Scope
from baukasten_core.jobs.handlers import Id, encode

QUEUE = "default"

DEFER = text(
    "SELECT (jobs.procrastinate_defer_jobs_v1(ARRAY[ROW(:queue, :name, :priority, :lock, NULL,"
    " CAST(:args AS jsonb), now() + CAST(:delay AS interval))"
    "::jobs.procrastinate_job_to_defer_v1]))[1]"
)
DEFER_MANY = text(
    "SELECT jobs.procrastinate_defer_jobs_v1(ARRAY(SELECT ROW(:queue, :name, 0, NULL, NULL,"
    " CAST(args AS jsonb), NULL)::jobs.procrastinate_job_to_defer_v1"
    " FROM unnest(CAST(:args AS text[])) AS args))"
)
FORGET = (
    "DELETE FROM jobs.procrastinate_jobs WHERE status <> 'doing' AND args->>'tenant_id' = :tenant"
)
PENDING = text(
    "SELECT task_name, count(*) FROM jobs.procrastinate_jobs WHERE status IN ('todo', 'doing')"
    " GROUP BY task_name"
)
AGAIN = text(
    "SELECT jobs.procrastinate_retry_job_v2(id, now(), NULL, NULL, NULL)"
    " FROM jobs.procrastinate_jobs WHERE status = 'failed' AND task_name = :name"
)
DELETE_FINISHED = text(
    "DELETE FROM jobs.procrastinate_jobs j WHERE status NOT IN ('todo', 'doing')"
    " AND NOT EXISTS (SELECT FROM jobs.procrastinate_events e"
    " WHERE e.job_id = j.id AND e.at > now() - make_interval(days => :days))"
)
COUNTS = text(
    "SELECT status::text, count(*) FROM jobs.procrastinate_jobs GROUP BY status ORDER BY status"
)
FAILURES = text(
    "SELECT j.id, j.task_name AS task, j.attempts, max(e.at) AS at"
    " FROM jobs.procrastinate_jobs j LEFT JOIN jobs.procrastinate_events e ON e.job_id = j.id"
    " WHERE j.status = 'failed' GROUP BY j.id ORDER BY at DESC NULLS LAST, j.id DESC LIMIT :limit"
)
KEPT_DAYS = 30
"""How long a failed job is kept, so that an operator can see what failed."""


@dataclass(frozen=True, slots=True)
class FailedJob:
    """A job that will not be tried again by itself."""

    id: int
    task: str
    attempts: int
    at: datetime | None


async def counts_by_status(session: AsyncSession) -> dict[str, int]:
    """How many jobs there are in each state: `todo`, `doing`, `failed`, ..."""
    return {row[0]: row[1] for row in await session.execute(COUNTS)}


async def latest_failures(session: AsyncSession, limit: int) -> Sequence[FailedJob]:
    """What failed last, for an operator."""
    rows = await session.execute(FAILURES, {"limit": limit})
    return [FailedJob(**row) for row in rows.mappings()]


class Jobs:
    """Puts jobs into the queue. A job exists if and only if the transaction commits."""

    async def enqueue(
        self,
        session: AsyncSession,
        owner: Principal | Scope,
        job: str,
        *,
        delay: timedelta | None = None,
        lock: str | None = None,
        **ids: Id,
    ) -> int:
        """Have `job` run in the background as `owner`, once this transaction has committed.

        Args:
            job: a registered job's name.
            delay: not before this time has passed.
            lock: jobs of the same lock run one after the other.
            ids: handed to the handler; ids only, never text.
        """
        scope = owner.scope if isinstance(owner, Principal) else owner
        values: dict[str, Any] = {
            "queue": QUEUE,
            "name": job,
            "priority": 0,
            "lock": lock,
            "args": json.dumps(encode(scope, ids)),
            "delay": delay,
        }
        return int(await session.scalar(DEFER, values))

    async def enqueue_many(
        self,
        session: AsyncSession,
        owner: Principal | Scope,
        job: str,
        many: Sequence[Mapping[str, Id]],
    ) -> None:
        """One `job` for each of `many` ids, in one call of the database; as `enqueue`."""
        scope = owner.scope if isinstance(owner, Principal) else owner
        arguments = [json.dumps(encode(scope, ids)) for ids in many]
        values = {"queue": QUEUE, "name": job, "args": arguments}
        await session.execute(DEFER_MANY, values)

    async def forget(
        self,
        session: AsyncSession,
        tenant_id: UUID,
        *,
        user_id: UUID | None = None,
        job: str | None = None,
        **ids: Id | Sequence[Id],
    ) -> int:
        """Remove the jobs of a tenant, of one of its users, of one name, or those about something
        (or any of several); answers how many there were. A job that runs right now finds its row
        gone and ends."""
        conditions = [FORGET]
        values: dict[str, Any] = {"tenant": str(tenant_id)}
        if user_id is not None:
            conditions.append("args->>'user_id' = :user")
            values["user"] = str(user_id)
        if job is not None:
            conditions.append("task_name = :job")
            values["job"] = job
        for name, value in ids.items():
            conditions.append(f"args->'ids'->>'{_word(name)}' = ANY(:{_word(name)})")
            several = value if isinstance(value, Sequence) else [value]
            values[name] = [str(each) for each in several]
        result = await session.execute(text(" AND ".join(conditions)), values)
        return int(result.rowcount)  # type: ignore[attr-defined]

    async def try_again(self, session: AsyncSession, job: str) -> int:
        """Put every job of this name that failed back into the queue; answers how many."""
        return len((await session.execute(AGAIN, {"name": job})).all())

    async def delete_finished(self, session: AsyncSession, *, days: int = KEPT_DAYS) -> int:
        """Delete jobs that failed, or were ended, more than `days` days ago; answers how many."""
        result = await session.execute(DELETE_FINISHED, {"days": days})
        return int(result.rowcount)  # type: ignore[attr-defined]

    async def pending(self, session: AsyncSession) -> Mapping[str, int]:
        """How many jobs wait or run, by name."""
        return {row[0]: row[1] for row in await session.execute(PENDING)}


def _word(name: str) -> str:
    if not name.isidentifier():
        raise ValueError(f"`{name}` is not the name of an id")
    return name
