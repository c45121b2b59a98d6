"""Reranking: how well each passage answers a query."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable


@runtime_checkable
class Reranker(Protocol):
    """A cross-encoder or the like. Off unless the operator names one."""

    name: str

    async def rerank(self, query: str, passages: Sequence[str]) -> Sequence[float]:
        """A relevance from 0 to 1 for each passage, in order."""
        ...
