"""Models that a server fetches for us."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from baukasten_core.contracts.llm import PullingProvider
from baukasten_core.errors import BadRequest, ProviderTimeout
from baukasten_core.gateway.instances import Instance
from baukasten_core.gateway.routing import named


def pulling(instances: Mapping[str, Instance], name: str | None) -> PullingProvider:
    """The instance of that name, else the first that can fetch models; raises BadRequest."""
    asked = [named(name, instances)] if name else list(instances.values())
    able = [instance for instance in asked if instance.pulls]
    if not able:
        who = f"`{name}` can't" if name else "No configured instance can"
        raise BadRequest(f"{who} fetch models.", hint="Add the model on the server itself.")
    provider = able[0].ready()
    assert isinstance(provider, PullingProvider)
    return provider


async def fetch(instance: Instance, model: str, seconds: float) -> None:
    """Fetch it now. What is there when the time is up stays, and is not fetched again."""
    provider = instance.ready()
    if not isinstance(provider, PullingProvider):
        return
    try:
        async with asyncio.timeout(seconds):
            async for _ in provider.pull(model):
                pass
    except TimeoutError:
        raise ProviderTimeout(
            f"`{instance.name}` is still fetching `{model}`; ask again in some minutes."
        ) from None
