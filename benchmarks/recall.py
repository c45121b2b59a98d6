"""How many of the ten nearest vectors a search finds, in a table of twenty tenants.

    baukasten bench recall

Tenants of 50 to 50,000 vectors (clustered, drawn at random) share one table and one index, as
tenants do. Each searches under row-level security, as the platform does with its defaults; what is
nearest in truth is computed apart. No network.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import secrets
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import psycopg
from numpy.typing import NDArray

from baukasten_core.contracts.auth import Scope
from baukasten_core.contracts.embedding import EmbeddingSpace
from baukasten_core.db.embedded import start_embedded
from baukasten_core.db.migrate import migrate
from baukasten_core.db.roles import Roles
from baukasten_core.db.session import Database
from baukasten_core.db.urls import app_url
from baukasten_core.providers.storage.pgvector_store import PgVectorConfig, PgVectorStore, literal
from benchmarks.results import keep
from benchmarks.search.collection import without_index

SPACE = EmbeddingSpace("benchmark", "clusters", "1", dimensions=384)
SIZES = [50, 100, 200, 500, 1_000, 2_000, 3_000, 4_000, 5_000, 1_000, 2_000, 500, 100, 50, 200]
SIZES += [3_000, 6_000, 20_000, 24_000, 50_000]
CLUSTERS, NOISE = 2_000, 0.5
QUERIES, NEAREST = 50, 10

Vectors = NDArray[np.float32]


def drawn(chance: np.random.Generator, centres: Vectors, count: int) -> Vectors:
    """Unit vectors around some of the centres."""
    noise = chance.normal(size=(count, SPACE.dimensions)) * NOISE / np.sqrt(SPACE.dimensions)
    vectors = centres[chance.integers(0, len(centres), count)] + noise
    found: Vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return found.astype(np.float32)


def fill(url: str, tenants: dict[UUID, tuple[list[UUID], Vectors]]) -> None:
    """Vectors alone, as a superuser whom no foreign key holds up."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SELECT core.prepare_space(%s, %s)", [SPACE.id, SPACE.dimensions])
        with without_index(connection, f"vectors_{SPACE.id}") as table:
            columns = "(tenant_id, chunk_id, document_id, user_id, private, embedding)"
            with connection.cursor().copy(f"COPY core.{table} {columns} FROM STDIN") as copy:
                for tenant, (chunks, vectors) in tenants.items():
                    for chunk, vector in zip(chunks, vectors, strict=True):
                        copy.write_row((tenant, chunk, chunk, tenant, False, literal(vector)))


async def measure(
    database: Database, tenant: UUID, chunks: Sequence[UUID], vectors: Vectors, queries: Vectors
) -> tuple[float, float]:
    """Recall@10, and the median of a search's milliseconds."""
    store, found, times = PgVectorStore(PgVectorConfig()), 0, []
    async with database.transaction(Scope(tenant_id=tenant, user_id=tenant)) as session:
        for query in queries:
            began = time.perf_counter()
            hits = await store.search(
                session, SPACE, tenant, query, limit=NEAREST, size=len(chunks)
            )
            times.append((time.perf_counter() - began) * 1e3)
            nearest = np.argsort(-(vectors @ query), kind="stable")[:NEAREST]
            found += len({chunks[n] for n in nearest} & {hit.chunk_id for hit in hits})
    return found / (len(queries) * min(NEAREST, len(chunks))), statistics.median(times)


async def measure_all(
    url: str, tenants: dict[UUID, tuple[list[UUID], Vectors]], queries: Vectors
) -> list[dict[str, Any]]:
    database, rows = Database(url, pool_size=1), []
    for tenant, (chunks, vectors) in tenants.items():
        recall, milliseconds = await measure(database, tenant, chunks, vectors, queries)
        rows.append(
            {"vectors": len(chunks), "recall_at_10": recall, "p50_ms": round(milliseconds, 1)}
        )
        print(json.dumps(rows[-1]), flush=True)
    await database.close()
    return rows


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    chance = np.random.default_rng(2026)
    centres = chance.normal(size=(CLUSTERS, SPACE.dimensions)).astype(np.float32)
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    tenants = {
        uuid4(): ([uuid4() for _ in range(size)], drawn(chance, centres, size)) for size in SIZES
    }
    queries, password = drawn(chance, centres, QUERIES), secrets.token_urlsafe(16)
    with TemporaryDirectory(prefix="bk-bench-") as folder:
        server = start_embedded(Path(folder) / "postgres", password)
        try:
            migrate(server.url, [], app_password=password)
            fill(server.url, tenants)
            app = app_url(server.url, Roles("baukasten").app, password)
            rows = asyncio.run(measure_all(app, tenants, queries))
        finally:
            server.stop()
    found = {"cores": len(os.sched_getaffinity(0)), "tenants": len(rows), "rows": rows}
    keep("recall", found)


if __name__ == "__main__":
    main()
