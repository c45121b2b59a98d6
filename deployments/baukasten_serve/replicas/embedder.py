"""The application `embedder`: holds the model; `/v1/embeddings` and calls by handle."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import structlog
from fastapi import FastAPI
from numpy.typing import NDArray

from baukasten_core.app import build_embedder
from baukasten_core.contracts.embedding import Priority
from baukasten_core.errors import ProviderError
from baukasten_core.health import embedder_check
from baukasten_core.http.embeddings_routes import router
from baukasten_serve.replicas.base import Replica

log = structlog.get_logger("baukasten.embedder")


class Embedder(Replica):
    """An `EmbeddingProvider` for others; `handles.EmbedderHandle` is the other end."""

    async def __serve_build_asgi_app__(self) -> FastAPI:
        self._embedder = build_embedder(self.settings, self.host)
        await self._load()
        return self.small_app(router, embedder=self._embedder)

    async def embed(self, texts: Sequence[str], priority: Priority) -> NDArray[np.float32]:
        return await self._embedder.embed(texts, priority=priority)

    async def health(self) -> str | None:
        return await embedder_check(self._embedder)()

    async def _load(self) -> None:
        """Before the first request, so that a new replica is no slower than the others."""
        try:
            await self._embedder.embed(["ready"])
        except ProviderError as error:
            # Its server may come later, and every call tries again.
            log.warning("the embedding model is not loaded yet", problem=error.type)
