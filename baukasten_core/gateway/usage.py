"""Keeps the records of calls, and adds them up."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self
from uuid import UUID, uuid4

import structlog
from sqlalchemy import insert, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from baukasten_core.contracts.auth import Scope
from baukasten_core.db.session import Database
from baukasten_core.errors import Unavailable
from baukasten_core.gateway.meter import UsageRecord
from baukasten_core.gateway.models import LlmUsage

log = structlog.get_logger("baukasten.gateway")

FLUSH_SECONDS = 1.0
BATCH = 500
MOST_WAITING = 20_000
"""Records kept in memory while the database is away; older ones are dropped, and counted."""

BY_PROVIDER = text("SELECT * FROM core.admin_llm_usage(:since)")


Observe = Callable[[Sequence[UsageRecord]], None]
"""Counts records for somebody's metrics; in the background, and it does not raise."""


class UsageWriter:
    """An `OnUsage` that writes in the background: no answer waits for the database.

    async with UsageWriter(database) as on_usage: Gateway(..., on_usage=on_usage)

    Leaving the block writes what still waits. A process that is killed loses at most a second.
    """

    def __init__(self, database: Database, observe: Observe | None = None) -> None:
        self._database = database
        self._observe = observe
        self._unseen: list[UsageRecord] = []
        self._waiting: list[UsageRecord] = []
        self._wake = asyncio.Event()
        self._closing = False
        self._task: asyncio.Task[None] | None = None

    async def __call__(self, record: UsageRecord) -> None:
        if record.tenant_id is None or record.user_id is None:
            return  # a program of its own, without an account
        self._waiting.append(record)
        if self._observe is not None:
            self._unseen.append(record)
        if len(self._waiting) >= BATCH:
            self._wake.set()

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._closing = True
        self._wake.set()
        if self._task is not None:
            await self._task
        await self.flush()

    async def _run(self) -> None:
        while not self._closing:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(FLUSH_SECONDS):
                    await self._wake.wait()
            self._wake.clear()
            await self.flush()

    async def flush(self) -> None:
        """Write what waits. What can't be written now is tried again later; what can never be
        (its account is gone) is dropped."""
        taken, self._waiting = self._waiting, []
        if self._observe is not None:
            unseen, self._unseen = self._unseen, []
            self._observe(unseen)
        scopes: dict[tuple[UUID, UUID], list[UsageRecord]] = defaultdict(list)
        for record in taken:
            assert record.tenant_id is not None
            assert record.user_id is not None
            scopes[record.tenant_id, record.user_id].append(record)
        for (tenant_id, user_id), records in scopes.items():
            await self._write(Scope(user_id=user_id, tenant_id=tenant_id), records)

    async def _write(self, scope: Scope, records: list[UsageRecord]) -> None:
        try:
            async with self._database.transaction(scope) as session:
                await session.execute(insert(LlmUsage), [_row(record) for record in records])
        except Unavailable:
            self._waiting = (records + self._waiting)[-MOST_WAITING:]
        except IntegrityError:
            log.info("usage of an account that is gone was dropped", records=len(records))
        except Exception as error:
            log.error("usage records lost", records=len(records), error=type(error).__name__)


def _row(record: UsageRecord) -> dict[str, Any]:
    return {
        "id": uuid4(),
        "tenant_id": record.tenant_id,
        "user_id": record.user_id,
        "instance": record.instance,
        "provider": record.provider,
        "model": record.model,
        "region": record.region,
        "outcome": record.outcome,
        "error": record.error,
        "prompt_tokens": record.usage.prompt_tokens,
        "completion_tokens": record.usage.completion_tokens,
        "estimated": record.usage.estimated,
        "total_ms": record.total_ms,
        "first_ms": record.first_ms,
        "created_at": record.at,
        "project_id": record.project_id,
        "api_key_id": record.api_key_id,
        "route": record.route,
        "cost": record.cost,
    }


@dataclass(frozen=True, slots=True)
class ProviderUsage:
    """What one instance did since a moment; means over answered calls, in milliseconds."""

    instance: str
    provider: str
    calls: int
    answered: int
    prompt_tokens: int
    completion_tokens: int
    mean_ms: float | None
    mean_first_ms: float | None


async def usage_by_provider(
    session: AsyncSession, since: datetime | None = None
) -> Sequence[ProviderUsage]:
    """Usage of the whole platform by instance; nothing for anybody but an admin."""
    rows = await session.execute(BY_PROVIDER, {"since": since})
    return [ProviderUsage(**row._mapping) for row in rows]
