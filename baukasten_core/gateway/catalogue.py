"""What each instance lists now, remembered for a few seconds."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from baukasten_core.contracts.llm import Model
from baukasten_core.errors import ModelNotFound, ProviderTimeout
from baukasten_core.gateway.instances import Instance

KEEP_SECONDS = 10.0
LIST_SECONDS = 15.0
SHOWN = 20
"""Models named in an error."""


@dataclass
class _Entry:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    models: Sequence[Model] = ()
    at: float = float("-inf")


class Catalogue:
    """Asks instances for their models; many callers at once ask once."""

    def __init__(self, keep_seconds: float = KEEP_SECONDS) -> None:
        self._keep = keep_seconds
        self._entries: dict[str, _Entry] = {}

    async def models(self, instance: Instance, *, live: bool = False) -> Sequence[Model]:
        """The instance's models; raises what the provider raises, which is never remembered."""
        entry = self._entries.setdefault(instance.name, _Entry())
        asked = time.monotonic()
        async with entry.lock:
            fresh = entry.at > asked if live else time.monotonic() - entry.at < self._keep
            if not fresh:
                entry.models = await _ask(instance)
                entry.at = time.monotonic()
        return entry.models


async def _ask(instance: Instance) -> Sequence[Model]:
    provider = instance.ready()
    try:
        async with asyncio.timeout(LIST_SECONDS):
            return tuple(await provider.models())
    except TimeoutError:
        raise ProviderTimeout(f"`{instance.name}` does not list its models.") from None


def find(models: Sequence[Model], name: str) -> Model | None:
    """The model of that name; Ollama's `:latest` may be left out."""
    wanted = (name, f"{name}:latest")
    return next((model for model in models if model.name in wanted), None)


def not_found(instance: Instance, name: str, models: Sequence[Model]) -> ModelNotFound:
    """The error that lists what is there and how to get more."""
    names = [model.name for model in models]
    there = ", ".join(f"`{name}`" for name in names[:SHOWN])
    if len(names) > SHOWN:
        there = f"{there} and {len(names) - SHOWN} more"
    has = f"It has {there}." if names else "It has no models yet."
    what = (
        f"`{instance.name}` has no model `{name}`." if name else f"`{instance.name}` has no model."
    )
    hint = f"Fetch it with `baukasten models pull {name or 'MODEL'}`." if instance.pulls else None
    return ModelNotFound(f"{what} {has}", hint=hint, models=names)
