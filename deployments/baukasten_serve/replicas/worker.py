"""The application `worker`: durable jobs. It has no route; it answers how it is."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Any

from baukasten_core.assembly import open_services
from baukasten_core.background import build_worker
from baukasten_serve.handles import GatewayHandle
from baukasten_serve.replicas.base import Replica


class Worker(Replica):
    """Runs jobs as long as it lives; the queue itself keeps what a dead one left behind."""

    async def __init__(self, settings: Mapping[str, Any]) -> None:  # type: ignore[misc]
        # Serve awaits it, so that a worker that can't start is a deployment that failed.
        self._open = AsyncExitStack()
        super().__init__(settings)
        services = await self._open.enter_async_context(
            open_services(
                self.settings,
                self.host,
                **self.embedder_handles(),
                gateway=GatewayHandle(),
            )
        )
        self._worker = build_worker(services)
        self._running = asyncio.create_task(self._worker.run())
        self._open.push_async_callback(self._stop)

    async def health(self) -> str | None:
        """None while jobs are being run."""
        return await self._worker.health()

    def check_health(self) -> None:
        """Called by Serve, which replaces a replica that raises here. A worker that waits for
        the database is left alone: a new one would wait too."""
        if self._running.done():
            raise RuntimeError("the worker has ended")

    async def __del__(self) -> None:
        """Called by Serve at the end, of a worker that could not start, too."""
        await self._open.aclose()

    async def _stop(self) -> None:
        """Put back what is not done."""
        await self._worker.stop()
        await self._running
