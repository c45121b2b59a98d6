"""Vectors in PostgreSQL, in the caller's transaction and under its row-level security.

One table a space, made by `core.prepare_space` because the app role owns nothing. A vector
takes whose it is, and whether it is private, from its chunk.
"""

# ruff: noqa: S608  (what is put into statements is a table name made of hexadecimal digits)

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncSession

from baukasten_core.contracts.embedding import EmbeddingSpace
from baukasten_core.contracts.provider import ProviderConfig
from baukasten_core.contracts.storage import VectorHit


class PgVectorConfig(ProviderConfig):
    """Exact or approximate search."""

    exact_below: int = Field(
        20_000, ge=0, description="Vectors to look through up to which search is exact."
    )
    ef_search: int = Field(
        100, ge=1, le=1000, description="How wide an approximate search looks (HNSW)."
    )


class PgVectorStore:
    """A `VectorStore` inside the platform's own database."""

    name = "pgvector"
    in_database = True

    def __init__(self, config: PgVectorConfig) -> None:
        self._config = config
        self._iterative: bool | None = None
        self._there: set[str] = set()  # spaces whose table was seen: tables are never dropped

    async def prepare(self, session: AsyncSession, space: EmbeddingSpace) -> None:
        """In a transaction of its own: making a table waits for writers of chunks to finish."""
        if not await self._exists(session, space):
            statement = text("SELECT core.prepare_space(:space, :dimensions)")
            await session.execute(statement, {"space": space.id, "dimensions": space.dimensions})

    async def add(
        self,
        session: AsyncSession,
        space: EmbeddingSpace,
        tenant_id: UUID,
        chunk_ids: Sequence[UUID],
        vectors: NDArray[np.float32],
    ) -> None:
        statement = text(
            f"INSERT INTO core.{_table(space)} (tenant_id, chunk_id, document_id, user_id,"
            " private, project_id, embedding)"
            " SELECT c.tenant_id, c.id, c.document_id, c.user_id, c.private, c.project_id,"
            "  CAST(n.embedding AS vector)"
            " FROM unnest(CAST(:ids AS uuid[]), CAST(:vectors AS text[])) AS n (id, embedding)"
            " JOIN core.chunks c ON c.tenant_id = :tenant AND c.id = n.id"
            " ON CONFLICT (tenant_id, chunk_id) DO UPDATE SET embedding = excluded.embedding"
        )
        values = {
            "tenant": tenant_id,
            "ids": list(chunk_ids),
            "vectors": [literal(row) for row in vectors],
        }
        await session.execute(statement, values)

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
        if not await self._exists(session, space):
            return []
        condition, values = _scope(tenant_id, project_id, document_ids, chunk_ids)
        if document_ids is not None or chunk_ids is not None:
            exact = True
        elif size is None:
            exact = await self._is_small(session, space, condition, values)
        else:
            exact = size <= self._config.exact_below
        exact = exact or not await self._goes_on(session)
        values |= {"query": literal(query), "limit": limit}
        if not exact:
            await _look_wide(session, max(self._config.ef_search, limit))
        rows = await session.execute(_search(space, condition, exact=exact), values)
        return [VectorHit(chunk, cosine) for chunk, cosine in rows]

    async def remove(
        self,
        session: AsyncSession,
        tenant_id: UUID,
        document_ids: Sequence[UUID] | None = None,
        *,
        project_id: UUID | None = None,
        space: str | None = None,
    ) -> None:
        condition, values = _scope(tenant_id, project_id, document_ids, None)
        for table in (await session.scalars(text(SPACES))).all():
            if space is not None and table != f"vectors_{space}":
                continue
            await session.execute(text(f"DELETE FROM core.{table} WHERE {condition}"), values)

    async def _exists(self, session: AsyncSession, space: EmbeddingSpace) -> bool:
        if space.id not in self._there:
            query = text("SELECT to_regclass(:name) IS NOT NULL")
            if not await session.scalar(query, {"name": f"core.{_table(space)}"}):
                return False
            self._there.add(space.id)
        return True

    async def _goes_on(self, session: AsyncSession) -> bool:
        """Whether an index can be read until there are enough rows of a tenant: from pgvector 0.8
        on. Before, it stops after the first few, whosesoever they are."""
        if self._iterative is None:
            self._iterative = bool(await session.scalar(text(ITERATIVE)))
        return self._iterative

    async def _is_small(
        self, session: AsyncSession, space: EmbeddingSpace, condition: str, values: dict[str, Any]
    ) -> bool:
        """Whether there is so little to look through that looking at all of it is right: an
        index of everybody's vectors finds few of a small tenant's."""
        statement = text(
            f"SELECT count(*) FROM (SELECT FROM core.{_table(space)} WHERE {condition}"
            " LIMIT :most + 1) AS found"
        )
        most = self._config.exact_below
        return int(await session.scalar(statement, values | {"most": most}) or 0) <= most


ITERATIVE = (
    "SELECT string_to_array(extversion, '.')::integer[] >= '{0,8}'"
    " FROM pg_extension WHERE extname = 'vector'"
)
SPACES = (
    "SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'core'::regnamespace"
    " AND c.relkind = 'r' AND c.relname ~ '^vectors_[0-9a-f]{16}$'"
)


def literal(vector: NDArray[np.float32]) -> str:
    """A vector as pgvector reads it; nine digits keep every bit of a float32."""
    return "[" + ",".join([f"{number:.9g}" for number in vector.tolist()]) + "]"


def _table(space: EmbeddingSpace) -> str:
    return f"vectors_{space.id}"  # 16 hexadecimal digits, made by us


def _scope(
    tenant_id: UUID,
    project_id: UUID | None,
    document_ids: Sequence[UUID] | None,
    chunk_ids: Sequence[UUID] | None,
) -> tuple[str, dict[str, Any]]:
    condition = "tenant_id = :tenant"
    values: dict[str, Any] = {"tenant": tenant_id}
    if project_id is not None:
        condition += " AND project_id = :project"
        values["project"] = project_id
    if document_ids is not None:
        condition += " AND document_id = ANY(CAST(:documents AS uuid[]))"
        values["documents"] = list(document_ids)
    if chunk_ids is not None:
        condition += " AND chunk_id = ANY(CAST(:chunks AS uuid[]))"
        values["chunks"] = list(chunk_ids)
    return condition, values


@cache
def _search(space: EmbeddingSpace, condition: str, *, exact: bool) -> TextClause:
    """The order decides what the planner may use: an index is only ever used for the ascending
    distance itself, so ordering by the cosine is exact whatever the planner thinks and
    whichever tenant a prepared plan was made for."""
    distance = "embedding <#> CAST(:query AS vector)"
    order = "cosine DESC" if exact else distance
    return text(
        f"SELECT chunk_id, -({distance}) AS cosine FROM core.{_table(space)}"
        f" WHERE {condition} ORDER BY {order} LIMIT :limit"
    )


async def _look_wide(session: AsyncSession, ef_search: int) -> None:
    """Go on reading the index until there are enough rows of this tenant."""
    await session.execute(LOOK_WIDE, {"ef": str(min(ef_search, 1000))})


LOOK_WIDE = text(
    "SELECT set_config('hnsw.iterative_scan', 'strict_order', true),"
    " set_config('hnsw.ef_search', :ef, true)"
)
