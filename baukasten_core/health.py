"""Is everything there? Asked of the real parts, and remembered for a few seconds."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from baukasten_core import __version__
from baukasten_core.errors import BaukastenError, NotFound, ProviderNotConfigured

if TYPE_CHECKING:
    from baukasten_core.contracts.embedding import EmbeddingProvider
    from baukasten_core.contracts.storage import BlobStore
    from baukasten_core.services import Check, Services

CHECK_SECONDS = 4.0
KEEP_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Component:
    """One plugin, provider or application. `absent`: not there, and nobody said it should be."""

    kind: Literal["plugin", "provider", "application"]
    name: str
    status: Literal["ready", "absent", "degraded", "quarantined"]
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Health:
    """`degraded`: something optional is down."""

    status: Literal["healthy", "degraded", "unhealthy"]
    database: Literal["up", "down"]
    components: list[Component]
    version: str = __version__


@dataclass
class HealthMemory:
    """The last result, so that a flood of health requests is no flood of checks."""

    result: Health | None = None
    at: float = 0.0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


async def check_health(services: Services) -> Health:
    """The state of the database, and of each plugin, provider and application."""
    memory = services.health
    async with memory.lock:
        if memory.result is None or time.monotonic() - memory.at > KEEP_SECONDS:
            memory.result, memory.at = await _check(services), time.monotonic()
        return memory.result


async def _check(services: Services) -> Health:
    database = await _ask(services.database.ping)
    rows = await asyncio.gather(
        *(_component(name, check) for name, check in services.checks.items())
    )
    components = [*_plugins(services), *rows]
    if database is not None:
        return Health("unhealthy", "down", components)
    bad = any(row.status in ("degraded", "quarantined") for row in components)
    return Health("degraded" if bad else "healthy", "up", components)


def _plugins(services: Services) -> list[Component]:
    return [
        Component("plugin", info.name, "quarantined" if info.reason else "ready", info.reason)
        for info in services.host.plugins()
    ]


async def _component(name: str, check: Check) -> Component:
    before, _, short = name.partition(":")
    kind: Literal["application", "provider"]
    kind = "application" if before == "application" else "provider"
    try:
        reason = await _ask(check)
    except ProviderNotConfigured as error:
        return Component(kind, short, "absent", error.detail)
    return Component(kind, short, "degraded" if reason else "ready", reason)


def embedder_check(embedder: EmbeddingProvider) -> Check:
    """Whether a text can be embedded now."""

    async def check() -> str | None:
        await embedder.embed(["ready"], priority="query")
        return None

    return check


def blobs_check(blobs: BlobStore) -> Check:
    """Whether the store answers: there is no file of that name, and it says so."""

    async def check() -> str | None:
        try:
            async for _ in blobs.open("health"):
                break
        except NotFound:
            pass
        return None

    return check


async def _ask(check: Check) -> str | None:
    try:
        return await asyncio.wait_for(check(), CHECK_SECONDS)
    except TimeoutError:
        return f"did not answer within {CHECK_SECONDS:.0f} s"
    except ProviderNotConfigured:
        raise
    except BaukastenError as error:
        return error.detail
    except Exception as error:
        # A check must never take the health page down.
        return f"{type(error).__name__}"
