"""Where vectors and original files live."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from baukasten_core.contracts.embedding import EmbeddingSpace

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession


@dataclass(frozen=True, slots=True)
class VectorHit:
    """A chunk and the cosine of its vector to the query's, -1 to 1."""

    chunk_id: UUID
    cosine: float


@runtime_checkable
class VectorStore(Protocol):
    """Vectors of chunks, one set a space.

    A store gives ids and scores only: text is always read through PostgreSQL, under row-level
    security. `session` is the caller's transaction, already bound to a tenant; a store inside
    PostgreSQL works in it, a foreign store scopes its own query by `tenant_id`.

    A document may have vectors in two spaces while it moves from one to the other.

    `in_database`: its vectors are rows that go with their chunks (a foreign key says so). A store
    of which this is not true is told what to remove after the rows have gone, so it remembers the
    tenant, project and document of each vector.
    """

    name: str
    in_database: bool

    async def prepare(self, session: AsyncSession, space: EmbeddingSpace) -> None:
        """Make room for a space (a table, a collection). Idempotent."""
        ...

    async def add(
        self,
        session: AsyncSession,
        space: EmbeddingSpace,
        tenant_id: UUID,
        chunk_ids: Sequence[UUID],
        vectors: NDArray[np.float32],
    ) -> None:
        """Store vectors, shape (len(chunk_ids), dimensions); the same chunk again replaces."""
        ...

    async def search(
        self,
        session: AsyncSession,
        space: EmbeddingSpace,
        tenant_id: UUID,
        query: NDArray[np.float32],
        *,
        limit: int,
        project_id: UUID | None = None,
        document_ids: Sequence[UUID] | None = None,
        chunk_ids: Sequence[UUID] | None = None,
        size: int | None = None,
    ) -> Sequence[VectorHit]:
        """The nearest chunks, best first; `query` has shape (dimensions,).

        Among these documents or these chunks alone, where they are given; then exactly. `size`
        is about how many chunks there are to look through, where the caller knows it: a store may
        look at all of a few, and search many by an index.
        """
        ...

    async def remove(
        self,
        session: AsyncSession,
        tenant_id: UUID,
        document_ids: Sequence[UUID] | None = None,
        *,
        project_id: UUID | None = None,
        space: str | None = None,
    ) -> None:
        """Forget the vectors of these documents, of a project, or, with neither, of the whole
        tenant: in every space, or in the one whose id `space` is. Idempotent."""
        ...


KEY = re.compile(r"[A-Za-z0-9_-]{1,64}(/[A-Za-z0-9_-]{1,64}){0,4}")


def check_key(key: str) -> str:
    """The key, if it is one: up to five parts of letters, digits, `-` and `_`. Else ValueError."""
    if not KEY.fullmatch(key):
        raise ValueError("a blob's key has up to five parts of letters, digits, - and _")
    return key


def check_prefix(prefix: str) -> str:
    """A prefix of keys: a key, or one that ends in `/`. Never empty: that would be everything."""
    check_key(prefix.removesuffix("/"))
    return prefix


@runtime_checkable
class BlobStore(Protocol):
    """Original files by key. A key is `<tenant>/<project or ->/<document>`, made by us."""

    name: str

    async def put(self, key: str, data: AsyncIterator[bytes]) -> int:
        """Store all of `data` under `key`, whole or not at all; answers its size in bytes."""
        ...

    def open(self, key: str) -> AsyncIterator[bytes]:
        """The content in pieces. Raises `errors.NotFound` when there is none."""
        ...

    async def delete(self, prefix: str) -> int:
        """Delete every key that is or begins with `prefix`; answers how many were there."""
        ...
