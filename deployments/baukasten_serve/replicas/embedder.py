"""The application `embedder`: holds the models; `/v1/embeddings` and calls by handle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import structlog
from numpy.typing import NDArray
from starlette.types import ASGIApp

from baukasten_core.build import build_embedder, build_more_embedders
from baukasten_core.contracts.embedding import EmbeddingProvider, Priority
from baukasten_core.documents.embedders import DEFAULT
from baukasten_core.errors import ProviderError
from baukasten_core.health import embedder_check
from baukasten_core.http.embeddings_routes import router
from baukasten_serve.replicas.base import Replica

log = structlog.get_logger("baukasten.embedder")


class Embedder(Replica):
    """An `EmbeddingProvider` for others, or several; `handles.EmbedderHandle` is the other end."""

    async def __serve_build_asgi_app__(self) -> ASGIApp:
        default = build_embedder(self.settings, self.host)
        more = build_more_embedders(self.settings, self.host)
        await self._load({DEFAULT: default, **more})
        return self.small_app(router, embedder=default, more_embedders=more)

    async def embed(
        self, texts: Sequence[str], priority: Priority, name: str = DEFAULT
    ) -> NDArray[np.float32]:
        return await self.embedder(name).provider.embed(texts, priority=priority)

    async def health(self) -> str | None:
        for embedder in self.services.embedders:
            if reason := await embedder_check(embedder.provider)():
                return reason
        return None

    async def _load(self, embedders: Mapping[str, EmbeddingProvider]) -> None:
        """Before the first request, so that a new replica is no slower than the others."""
        for name, embedder in embedders.items():
            try:
                await embedder.embed(["ready"])
            except ProviderError as error:
                # Its server may come later, and every call tries again.
                log.warning("the embedding model is not loaded yet", name=name, problem=error.type)
