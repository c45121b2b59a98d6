"""What embedding servers share: batches, the space learnt from the first answer, checks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import numpy as np
from pydantic import Field

from baukasten_core.contracts.embedding import EmbeddingSpace, Priority
from baukasten_core.errors import InvalidOutput, ProviderUnavailable
from baukasten_core.providers.connection import ConnectionConfig
from baukasten_core.providers.embedding.tokens import clean
from baukasten_core.providers.embedding.vectors import Vectors, unit_rows
from baukasten_core.providers.embedding.waiting import Places

Ask = Callable[[list[str]], Awaitable[Sequence[Sequence[float]]]]


class RemoteEmbeddingConfig(ConnectionConfig):
    """Base of a configuration with an address: where data goes is the operator's to say."""

    model: str = Field(description="The model's name on that server.")
    region: str | None = Field(
        None,
        description="Where the data is processed: `local`, `eu`, ... Loopback is local; any other "
        "address must be declared before anything is sent to it.",
    )
    processor: str | None = Field(None, description="Who processes it, for the Article 30 record.")
    dimensions: int | None = Field(
        None, ge=1, description="Length of its vectors. Unset: learnt from the first answer."
    )
    revision: str = Field("1", description="Change it when the server's model changes.")
    max_tokens: int = Field(512, ge=8, description="How much of a text it reads.")
    batch: int = Field(32, ge=1, le=2048, description="Texts in a request.")
    timeout: float = Field(60.0, gt=0, description="Seconds for an answer.")
    max_queue: int = Field(
        512, ge=1, description="As `embedding.max_queue`, which is where to set it."
    )


class RemoteEmbedder:
    """An `EmbeddingProvider` that asks a server; `ask` is the vendor's part."""

    def __init__(self, name: str, config: RemoteEmbeddingConfig, ask: Ask) -> None:
        self.name = name
        self._config = config
        self._ask = ask
        self._dimensions = config.dimensions
        self._places = Places(config.max_queue)

    @property
    def space(self) -> EmbeddingSpace:
        """Raises `ProviderUnavailable` until the dimensions are configured or learnt."""
        if self._dimensions is None:
            raise ProviderUnavailable(
                f"The dimensions of `{self._config.model}` are learnt from its first answer, which "
                "has not come yet; or set embedding.options.dimensions."
            )
        return EmbeddingSpace(
            provider=self.name,
            model=self._config.model,
            revision=self._config.revision,
            dimensions=self._dimensions,
            max_tokens=self._config.max_tokens,
        )

    async def embed(self, texts: Sequence[str], *, priority: Priority = "bulk") -> Vectors:
        if not texts:
            return np.empty((0, self.space.dimensions), dtype=np.float32)
        # Servers refuse an empty input; a space means the same nothing to every model.
        wanted = [clean(text) or " " for text in texts]
        size = self._config.batch
        with self._places.taken(len(wanted), priority):
            parts = [
                self._checked(await self._ask(wanted[at : at + size]), len(wanted[at : at + size]))
                for at in range(0, len(wanted), size)
            ]
        return np.concatenate(parts)

    def _checked(self, rows: Sequence[Sequence[float]], count: int) -> Vectors:
        lengths = {len(row) for row in rows}
        if len(rows) != count or len(lengths) != 1 or lengths == {0}:
            raise InvalidOutput(
                f"`{self.name}` answered {len(rows)} vectors of lengths {sorted(lengths)} for "
                f"{count} texts."
            )
        found = lengths.pop()
        self._dimensions = self._dimensions or found
        if found != self._dimensions:
            raise InvalidOutput(
                f"`{self._config.model}` answered vectors of {found} dimensions, "
                f"{self._dimensions} were expected; check embedding.options."
            )
        vectors = unit_rows(np.asarray(rows, dtype=np.float32))
        if not np.isfinite(vectors).all():
            raise InvalidOutput(f"`{self.name}` answered vectors that are not numbers.")
        return vectors
