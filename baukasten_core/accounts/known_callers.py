"""Who called a moment ago, so that a busy program is not looked up with every request."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Self
from uuid import UUID

from cachetools import TTLCache

from baukasten_core.accounts.secrets import digest
from baukasten_core.contracts.auth import Principal

CHANNEL = "baukasten_callers"
"""Where the database tells that a session, a key, a user or a membership is not what it was."""

SECONDS = 5.0
"""After which a caller is looked up again in any case: how late a revoked key can be refused when
its notification was lost with the connection, and nobody noticed yet."""

MOST = 10_000


class KnownCallers:
    """Principals by token and tenant, for `SECONDS` or until the database tells of a change.

    While it can't be heard, nothing is remembered. Only for what does no work in the database:
    whatever does is authenticated there, in the same round trip.

    async with KnownCallers(database.notices(CHANNEL)) as known: ...
    """

    def __init__(self, listening: AsyncGenerator[bool, None]) -> None:
        self._notices = listening
        self._listening = False
        self._known: TTLCache[tuple[bytes, UUID | None], Principal] = TTLCache(MOST, SECONDS)
        self._changes = 0
        self._task: asyncio.Task[None] | None = None

    async def principal(
        self, token: str, tenant_id: UUID | None, ask: Callable[[], Awaitable[Principal]]
    ) -> Principal:
        """Who sent this token; `ask` looks it up, and what it raises is remembered by nobody."""
        key = digest(token), tenant_id
        if (known := self._known.get(key)) is not None:
            return known
        changes = self._changes
        principal = await ask()
        # What was looked up before a change may be what is no longer so.
        if self._listening and changes == self._changes:
            self._known[key] = principal
        return principal

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._listen())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _listen(self) -> None:
        try:
            async with contextlib.aclosing(self._notices) as notices:
                async for listening in notices:
                    self._forget(listening)
        finally:
            self._forget(False)

    def _forget(self, listening: bool) -> None:
        self._known.clear()
        self._changes += 1
        self._listening = listening
