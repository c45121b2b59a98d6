"""Reranking: how well each passage answers a query."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable


@runtime_checkable
class Reranker(Protocol):
    """A cross-encoder or the like. Off unless the operator names one."""

    name: str

    async def rerank(self, query: str, passages: Sequence[str]) -> Sequence[float]:
        """A relevance from 0 to 1 for each passage, in order; it does not depend on the others.

        No passages give none. What is longer than the model reads is cut.

        Raises:
            ProviderUnavailable: loading, overloaded or not reachable; ask again later.
            ProviderNotConfigured: the model can't be used as it is configured.
            InvalidOutput: what it answered are no relevances.
        """
        ...
