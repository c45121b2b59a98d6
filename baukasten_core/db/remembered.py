"""What the database said a moment ago, so that a busy program does not ask with every request."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Hashable
from typing import Any, Self, TypeVar

from cachetools import TTLCache

T = TypeVar("T")

CHANNEL = "baukasten_changes"
"""Where the database tells that what may be remembered is not what it was: sessions, keys, users,
memberships, where data may go."""

SECONDS = 5.0
"""After which it is asked again in any case: how long something may be taken for true that is not,
when the notification was lost with the connection and nobody has noticed yet."""

MOST = 50_000


class Remembered:
    """Answers, for `SECONDS` or until the database tells of a change: then all are forgotten.

    While it can't be heard, nothing is remembered.

    async with Remembered(database.notices(CHANNEL)) as remembered: ...
    """

    def __init__(self, listening: AsyncGenerator[bool, None]) -> None:
        self._notices = listening
        self._listening = False
        self._known: TTLCache[Hashable, Any] = TTLCache(MOST, SECONDS)
        self._changes = 0
        self._task: asyncio.Task[None] | None = None

    async def get(self, key: Hashable, ask: Callable[[], Awaitable[T]]) -> T:
        """What `ask` answers, or answered a moment ago; what it raises nobody remembers.

        Args:
            key: what is asked, and who asks where the answer depends on it.
        """
        if (known := self._known.get(key)) is not None:
            found: T = known
            return found
        changes = self._changes
        answer = await ask()
        # What was asked before a change may be what is no longer so.
        if self._listening and changes == self._changes:
            self._known[key] = answer
        return answer

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


async def recall(
    remembered: Remembered | None, key: Hashable, ask: Callable[[], Awaitable[T]]
) -> T:
    """`Remembered.get`, where there is one; else asks."""
    return await ask() if remembered is None else await remembered.get(key, ask)
