"""What `/health` says of the language models: one row an instance."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

from baukasten_core.contracts.gateway import LLMGateway, ModelListing
from baukasten_core.errors import ProviderNotConfigured
from baukasten_core.gateway.residency import LOCAL

KEEP_SECONDS = 60.0
"""How long a vendor elsewhere that answered is not asked again: health is polled all day."""


def instance_check(
    gateway: LLMGateway, name: str, residency: frozenset[str], *, expected: bool
) -> Callable[[], Awaitable[str | None]]:
    """A health check: None while the instance can be asked, else why not.

    Args:
        residency: an instance outside of it is not contacted.
        expected: whether the operator wants it to be there. If not, its check raises
            `ProviderNotConfigured`: the platform is no worse off without it.
    """
    good_until = float("-inf")

    async def check() -> str | None:
        nonlocal good_until
        if time.monotonic() < good_until:
            return None
        listing = await gateway.models(residency, name)
        usable = [model for model in listing.models if model.allowed]
        if usable:
            if usable[0].region != LOCAL:
                good_until = time.monotonic() + KEEP_SECONDS
            return None
        if not expected or _refused(listing):
            raise ProviderNotConfigured(_reason(listing))
        return _reason(listing)

    return check


def _refused(listing: ModelListing) -> bool:
    """Residency forbids to ask: some tenant may allow it, so nothing is known to be wrong."""
    return any(item.kind == "residency" for item in listing.unavailable)


def _reason(listing: ModelListing) -> str:
    reasons = " ".join(item.reason for item in listing.unavailable)
    return reasons or "It lists no model that may be asked."
