"""Embedding: texts in, unit vectors out."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Priority = Literal["query", "bulk"]

TextOrTokens = str | Sequence[int]
"""A text, or the ids of its tokens in the model's own vocabulary."""


@dataclass(frozen=True, slots=True)
class EmbeddingSpace:
    """Vectors can be compared within one space only; one table in PostgreSQL holds each.

    `max_tokens` is how much of a text the model reads; what is longer is cut.
    """

    provider: str
    model: str
    revision: str
    dimensions: int
    normalized: bool = True
    max_tokens: int = 256

    @property
    def id(self) -> str:
        """A name for this space's table: stable, lower case, 16 hexadecimal digits.

        The provider is left out on purpose when model and revision agree: two engines that
        compute the same model (checked to cosine 0.999 by the contract suite) share a space.
        """
        key = f"{self.model}|{self.revision}|{self.dimensions}|{self.normalized}"
        return hashlib.sha256(key.encode()).hexdigest()[:16]


@runtime_checkable
class EmbeddingProvider(Protocol):
    """One embedding model."""

    name: str

    @property
    def space(self) -> EmbeddingSpace:
        """Known without loading the model."""
        ...

    async def embed(
        self, texts: Sequence[str], *, priority: Priority = "bulk"
    ) -> NDArray[np.float32]:
        """Vectors of `texts`, in order: float32, shape (len(texts), dimensions), rows of unit
        length. An empty sequence gives shape (0, dimensions).

        `priority="query"`: somebody waits for it; it goes before bulk work.

        Raises:
            ProviderUnavailable: loading, overloaded or not reachable; ask again later.
        """
        ...


@dataclass(frozen=True, slots=True)
class Embedded:
    """Vectors as `EmbeddingProvider.embed` gives them, and how much was read for them.

    Attributes:
        tokens: the number of tokens read of each text, special ones included.
        cut: indices of the texts that are longer than what the model reads.
    """

    vectors: NDArray[np.float32]
    tokens: tuple[int, ...]
    cut: tuple[int, ...]


@runtime_checkable
class CountingEmbedder(EmbeddingProvider, Protocol):
    """A provider that has the model's tokenizer at hand: it tells what it read, and takes tokens
    too. Optional: of others, `/v1/embeddings` estimates the usage."""

    async def embed_counted(
        self, inputs: Sequence[TextOrTokens], *, priority: Priority = "bulk"
    ) -> Embedded:
        """Like `embed`. Raises `BadRequest` as well, for a token that the model does not have."""
        ...
