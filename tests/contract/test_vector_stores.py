"""pgvector through the contract suite, both ways it searches, and where planners trip it."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import numpy as np
import psycopg
import pytest
from sqlalchemy import text

from baukasten_core.contracts.auth import Principal
from baukasten_core.contracts.embedding import EmbeddingSpace
from baukasten_core.contracts.storage import VectorStore
from baukasten_core.db.migrate import libpq_url
from baukasten_core.db.session import Database
from baukasten_core.providers.storage.pgvector_store import (
    PgVectorConfig,
    PgVectorStore,
    _search,
    literal,
)
from baukasten_core.testing.contracts.storage import VectorStoreContract
from baukasten_core.testing.fakes import MemoryVectorStore
from baukasten_core.testing.fixtures_db import DatabaseUrls, create_user


class TestExact(VectorStoreContract):
    @pytest.fixture
    def store(self) -> VectorStore:
        return PgVectorStore(PgVectorConfig())


class TestApproximate(VectorStoreContract):
    @pytest.fixture
    def store(self) -> VectorStore:
        return PgVectorStore(PgVectorConfig(exact_below=0))


class TestOutsideOfPostgreSQL(VectorStoreContract):
    @pytest.fixture
    def store(self) -> VectorStore:
        return MemoryVectorStore()


SPACE = EmbeddingSpace("test", "planner", "1", dimensions=16)


async def fill(urls: DatabaseUrls, owner: Principal, count: int, seed: int) -> np.ndarray:
    """Many chunks with vectors, written as the superuser to be quick; answers the vectors."""
    vectors = np.random.default_rng(seed).normal(size=(count, 16)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    document = uuid4()
    whose = {"t": owner.tenant_id, "u": owner.user_id, "d": document}
    async with await psycopg.AsyncConnection.connect(libpq_url(urls.owner)) as connection:
        await connection.execute("SELECT core.prepare_space(%s, 16)", [SPACE.id])
        await connection.execute(
            "INSERT INTO core.documents (id, tenant_id, user_id, type, media_type, size, sha256)"
            " VALUES (%(d)s, %(t)s, %(u)s, 'text', 'text/plain', 1, '')",
            whose,
        )
        await connection.execute(
            "WITH n AS (SELECT o, v FROM unnest(%(v)s::text[]) WITH ORDINALITY AS x (v, o)),"
            " c AS (INSERT INTO core.chunks (id, tenant_id, user_id, document_id, ordinal, text,"
            "  start_offset, end_offset) SELECT gen_random_uuid(), %(t)s, %(u)s, %(d)s, o, 'x',"
            "  0, 1 FROM n RETURNING id, ordinal)"
            f" INSERT INTO core.vectors_{SPACE.id} (tenant_id, chunk_id, document_id, user_id,"
            "  private, embedding) SELECT %(t)s, c.id, %(d)s, %(u)s, false, n.v::vector"
            " FROM c JOIN n ON n.o = c.ordinal",
            {**whose, "v": [literal(row) for row in vectors]},
        )
        await connection.execute(f"ANALYZE core.vectors_{SPACE.id}")
    return vectors


async def test_a_small_tenant_gets_all_its_rows_on_a_connection_warmed_by_a_large_one(
    database_urls: DatabaseUrls,
) -> None:
    """psycopg prepares a statement after five runs; its generic plan, made while a large tenant
    asked, must not take a small tenant's rows away. So one connection that prepares at once."""
    large, small = create_user(database_urls), create_user(database_urls)
    await fill(database_urls, large, 6000, seed=1)
    few = await fill(database_urls, small, 30, seed=2)
    database = Database(database_urls.app, pool_size=1)
    store = PgVectorStore(PgVectorConfig(exact_below=1000))
    try:
        for who, query in [(large, few[0])] * 12 + [(small, few[0])] * 3:
            async with database.transaction(who.scope) as session:
                raw = (await (await session.connection()).get_raw_connection()).driver_connection
                assert isinstance(raw, psycopg.AsyncConnection)
                raw.prepare_threshold = 1
                await session.execute(text("SET LOCAL plan_cache_mode = force_generic_plan"))
                hits = await store.search(session, SPACE, who.tenant_id, query, limit=10)
                assert len(hits) == 10
        expected = np.sort(few @ few[0])[::-1][:10]
        assert [hit.cosine for hit in hits] == pytest.approx(expected.tolist(), abs=1e-5)
    finally:
        await database.close()


async def test_exact_search_never_uses_the_approximate_index(
    database: Database, database_urls: DatabaseUrls
) -> None:
    owner = create_user(database_urls)
    await fill(database_urls, owner, 3000, seed=3)
    async with database.transaction(owner.scope) as session:
        for setting in ("enable_seqscan", "enable_bitmapscan", "enable_sort"):
            await session.execute(text(f"SET LOCAL {setting} = off"))
        statement = "EXPLAIN " + _search(SPACE, "tenant_id = :tenant", exact=True).text
        values = {"query": literal(few_ones()), "tenant": owner.tenant_id, "limit": 10}
        plan = "\n".join(await session.scalars(text(statement), values))
    assert "Sort" in plan
    assert "Order By" not in plan


def few_ones() -> np.ndarray:
    return np.ones(16, dtype=np.float32) / 4


async def test_a_space_can_be_prepared_by_many_at_once(
    database: Database, tenant: Principal
) -> None:
    store = PgVectorStore(PgVectorConfig())
    for number in range(5):
        space = EmbeddingSpace("test", f"race {number}", "1", dimensions=8)

        async def prepare(space: EmbeddingSpace = space) -> None:
            async with database.transaction(tenant.scope) as session:
                await store.prepare(session, space)

        await asyncio.gather(*(prepare() for _ in range(4)))


@pytest.mark.parametrize(
    ("space", "dimensions"),
    [("x; DROP TABLE core.users", 8), ("ABCDEF0123456789", 8), ("0" * 16, 0), ("0" * 15, 8)],
)
async def test_only_a_space_can_be_prepared(
    database: Database, tenant: Principal, space: str, dimensions: int
) -> None:
    with pytest.raises(Exception, match="not an embedding space"):
        async with database.transaction(tenant.scope) as session:
            await session.execute(
                text("SELECT core.prepare_space(:space, :dimensions)"),
                {"space": space, "dimensions": dimensions},
            )
