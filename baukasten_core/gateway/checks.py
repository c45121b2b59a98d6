"""What `/health` says of the language models."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from baukasten_core.contracts.gateway import LLMGateway


def chain_check(
    gateway: LLMGateway, chain: Sequence[str], residency: frozenset[str]
) -> Callable[[], Awaitable[str | None]]:
    """A health check: None while an instance of the chain can be asked, else why none can."""

    async def check() -> str | None:
        reasons = []
        for name in chain:
            listing = await gateway.models(residency, name)
            if any(model.allowed for model in listing.models):
                return None
            reasons += [absent.reason for absent in listing.unavailable]
        return " ".join(reasons) or "no model is listed"

    return check
