"""The suites of the storage contracts: original files, and vectors.

class TestMine(BlobStoreContract):
    @pytest.fixture
    def store(self) -> BlobStore:
        return MyStore()
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID, uuid4

import numpy as np
import pytest
from numpy.typing import NDArray
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from baukasten_core.contracts.auth import Principal
from baukasten_core.contracts.embedding import EmbeddingSpace
from baukasten_core.contracts.storage import BlobStore, VectorHit, VectorStore
from baukasten_core.db.session import Database
from baukasten_core.errors import NotFound


async def pieces(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def content(store: BlobStore, key: str) -> bytes:
    return b"".join([piece async for piece in store.open(key)])


class Interrupted(Exception):
    """Raised in the middle of an upload."""


async def interrupted() -> AsyncIterator[bytes]:
    yield b"half"
    raise Interrupted


class BlobStoreContract:
    """What every blob store promises."""

    @pytest.fixture
    def store(self) -> BlobStore:
        """An empty store."""
        raise NotImplementedError("give the fixture `store`")

    async def test_what_was_put_can_be_read(self, store: BlobStore) -> None:
        key = f"{uuid4()}/-/{uuid4()}"
        assert await store.put(key, pieces(b"one ", b"", b"two")) == 7
        assert await content(store, key) == b"one two"

    async def test_large_files_come_in_pieces(self, store: BlobStore) -> None:
        key = f"{uuid4()}/-/{uuid4()}"
        part = bytes(range(256)) * 1024
        assert await store.put(key, pieces(*[part] * 12)) == 12 * len(part)
        read = [piece async for piece in store.open(key)]
        assert len(read) > 1
        assert b"".join(read) == part * 12

    async def test_an_empty_file_is_a_file(self, store: BlobStore) -> None:
        key = f"{uuid4()}/-/{uuid4()}"
        assert await store.put(key, pieces()) == 0
        assert await content(store, key) == b""

    async def test_a_missing_file_is_not_found(self, store: BlobStore) -> None:
        with pytest.raises(NotFound):
            await content(store, f"{uuid4()}/-/{uuid4()}")

    async def test_putting_again_replaces(self, store: BlobStore) -> None:
        key = f"{uuid4()}/-/{uuid4()}"
        await store.put(key, pieces(b"first, longer"))
        await store.put(key, pieces(b"second"))
        assert await content(store, key) == b"second"

    async def test_an_interrupted_file_is_not_there(self, store: BlobStore) -> None:
        key = f"{uuid4()}/-/{uuid4()}"
        with pytest.raises(Interrupted):
            await store.put(key, interrupted())
        with pytest.raises(NotFound):
            await content(store, key)
        assert await store.delete(key) == 0

    async def test_an_interrupted_replacement_leaves_the_old_file(self, store: BlobStore) -> None:
        key = f"{uuid4()}/-/{uuid4()}"
        await store.put(key, pieces(b"old"))
        with pytest.raises(Interrupted):
            await store.put(key, interrupted())
        assert await content(store, key) == b"old"

    async def test_deleting_takes_a_prefix_and_nothing_else(self, store: BlobStore) -> None:
        tenant, other, project = uuid4(), uuid4(), uuid4()
        mine = [f"{tenant}/{project}/{uuid4()}" for _ in range(3)]
        kept = [f"{tenant}/-/{uuid4()}", f"{other}/{project}/{uuid4()}"]
        await self._put_all(store, [*mine, *kept])
        assert await store.delete(f"{tenant}/{project}/") == 3
        assert await store.delete(f"{tenant}/{project}/") == 0
        for key in mine:
            with pytest.raises(NotFound):
                await content(store, key)
        assert [await content(store, key) for key in kept] == [b"x", b"x"]
        assert await store.delete(kept[0]) == 1
        assert await store.delete(f"{other}/") == 1

    @pytest.mark.parametrize(
        "key", ["", "/", "/etc/passwd", "../up", "a/../b", "a//b", "a/", ".hidden", "a b", "a\x00b"]
    )
    async def test_keys_that_are_none_are_refused(self, store: BlobStore, key: str) -> None:
        with pytest.raises(ValueError, match="key"):
            await store.put(key, pieces(b"x"))
        with pytest.raises(ValueError, match="key"):
            await content(store, key)

    @pytest.mark.parametrize("prefix", ["", "/", "../", "a//", "."])
    async def test_deleting_everything_is_refused(self, store: BlobStore, prefix: str) -> None:
        with pytest.raises(ValueError, match="key"):
            await store.delete(prefix)

    async def test_many_files_at_the_same_time(self, store: BlobStore) -> None:
        keys = [f"{uuid4()}/-/{uuid4()}" for _ in range(20)]
        await self._put_all(store, keys)
        assert await asyncio.gather(*(content(store, key) for key in keys)) == [b"x"] * 20

    async def _put_all(self, store: BlobStore, keys: Iterable[str]) -> None:
        await asyncio.gather(*(store.put(key, pieces(b"x")) for key in keys))


class VectorStoreContract:
    """What every vector store promises.

        class TestMine(VectorStoreContract):
            @pytest.fixture
            def store(self) -> VectorStore:
                return MyStore()

    It runs on a migrated PostgreSQL (fixtures `database`, `tenant`, `stranger`), because chunks
    and their privacy live there whatever keeps the vectors.
    """

    space = EmbeddingSpace("test", "suite", "1", dimensions=8)

    @pytest.fixture
    def store(self) -> VectorStore:
        """A store."""
        raise NotImplementedError("give the fixture `store`")

    async def test_the_nearest_come_first(
        self, store: VectorStore, database: Database, tenant: Principal
    ) -> None:
        document = await self._document(store, database, tenant, count=20)
        hits = await self._search(store, database, tenant, document.vectors[7], limit=5)
        expected = np.argsort(-(document.vectors @ document.vectors[7]))[:5]
        assert [hit.chunk_id for hit in hits] == [document.chunks[index] for index in expected]
        assert hits[0].cosine == pytest.approx(1.0, abs=1e-4)
        assert [hit.cosine for hit in hits] == sorted((h.cosine for h in hits), reverse=True)

    async def test_an_unknown_space_is_empty(
        self, store: VectorStore, database: Database, tenant: Principal
    ) -> None:
        unknown = EmbeddingSpace("test", uuid4().hex, "1", dimensions=8)
        async with database.transaction(tenant.scope) as session:
            query = np.eye(8, dtype=np.float32)[0]
            assert not await store.search(session, unknown, tenant.tenant_id, query, limit=5)

    async def test_preparing_twice_changes_nothing(
        self, store: VectorStore, database: Database, tenant: Principal
    ) -> None:
        document = await self._document(store, database, tenant, count=2)
        async with database.transaction(tenant.scope) as session:
            await store.prepare(session, self.space)
        assert len(await self._search(store, database, tenant, document.vectors[0])) == 2

    async def test_adding_again_replaces(
        self, store: VectorStore, database: Database, tenant: Principal
    ) -> None:
        document = await self._document(store, database, tenant, count=3)
        async with database.transaction(tenant.scope) as session:
            await store.add(
                session,
                self.space,
                tenant.tenant_id,
                document.chunks[:1],
                document.vectors[1:2],
            )
        hits = await self._search(store, database, tenant, document.vectors[1])
        assert len(hits) == 3
        assert {hit.chunk_id for hit in hits[:2]} == set(document.chunks[:2])

    async def test_a_stranger_finds_nothing(
        self, store: VectorStore, database: Database, tenant: Principal, stranger: Principal
    ) -> None:
        document = await self._document(store, database, tenant, count=3)
        assert not await self._search(store, database, stranger, document.vectors[0])

    async def test_documents_narrow_the_search(
        self, store: VectorStore, database: Database, tenant: Principal
    ) -> None:
        first = await self._document(store, database, tenant, count=3)
        second = await self._document(store, database, tenant, count=3)
        hits = await self._search(
            store, database, tenant, first.vectors[0], document_ids=[second.id]
        )
        assert {hit.chunk_id for hit in hits} == set(second.chunks)
        assert not await self._search(store, database, tenant, first.vectors[0], document_ids=[])

    async def test_named_chunks_are_scored(
        self, store: VectorStore, database: Database, tenant: Principal
    ) -> None:
        document = await self._document(store, database, tenant, count=9)
        async with database.transaction(tenant.scope) as session:
            hits = await store.search(
                session,
                self.space,
                tenant.tenant_id,
                document.vectors[0],
                limit=9,
                chunk_ids=document.chunks[3:5],
            )
        expected = document.vectors[3:5] @ document.vectors[0]
        found = {hit.chunk_id: hit.cosine for hit in hits}
        assert [found[chunk] for chunk in document.chunks[3:5]] == pytest.approx(
            expected.tolist(), abs=1e-4
        )

    async def test_projects_narrow_the_search(
        self, store: VectorStore, database: Database, tenant: Principal
    ) -> None:
        inside = await self._document(store, database, tenant, count=2, project=True)
        outside = await self._document(store, database, tenant, count=2)
        hits = await self._search(
            store, database, tenant, outside.vectors[0], project_id=inside.project_id
        )
        assert {hit.chunk_id for hit in hits} == set(inside.chunks)

    async def test_removed_documents_are_forgotten(
        self, store: VectorStore, database: Database, tenant: Principal
    ) -> None:
        gone = await self._document(store, database, tenant, count=2)
        kept = await self._document(store, database, tenant, count=2)
        async with database.transaction(tenant.scope) as session:
            await store.remove(session, tenant.tenant_id, [gone.id])
        hits = await self._search(store, database, tenant, gone.vectors[0])
        assert {hit.chunk_id for hit in hits} == set(kept.chunks)

    async def test_a_removed_project_or_tenant_is_forgotten(
        self, store: VectorStore, database: Database, tenant: Principal, stranger: Principal
    ) -> None:
        inside = await self._document(store, database, tenant, count=2, project=True)
        outside = await self._document(store, database, tenant, count=2)
        theirs = await self._document(store, database, stranger, count=2)
        for project_id, left in ((inside.project_id, outside.chunks), (None, [])):
            async with database.transaction(tenant.scope) as session:
                await store.remove(session, tenant.tenant_id, project_id=project_id)
            hits = await self._search(store, database, tenant, outside.vectors[0])
            assert {hit.chunk_id for hit in hits} == set(left)
        hits = await self._search(store, database, stranger, theirs.vectors[0])
        assert {hit.chunk_id for hit in hits} == set(theirs.chunks)

    async def test_one_space_can_be_forgotten_alone(
        self, store: VectorStore, database: Database, tenant: Principal
    ) -> None:
        document = await self._document(store, database, tenant, count=2)
        other = EmbeddingSpace("test", "suite, another", "1", dimensions=8)
        async with database.transaction(tenant.scope) as session:
            await store.prepare(session, other)
        async with database.transaction(tenant.scope) as session:
            query = text("UPDATE core.documents SET other_space = :space WHERE id = :id")
            await session.execute(query, {"space": other.id, "id": document.id})
            await store.add(session, other, tenant.tenant_id, document.chunks, document.vectors)
            await store.remove(session, tenant.tenant_id, [document.id], space=other.id)
            asked = (tenant.tenant_id, document.vectors[0])
            assert not await store.search(session, other, *asked, limit=5)
            assert len(await store.search(session, self.space, *asked, limit=5)) == 2
            await store.remove(session, tenant.tenant_id, [document.id], space="0" * 16)
            assert len(await store.search(session, self.space, *asked, limit=5)) == 2

    async def test_vectors_go_with_their_rows_or_can_be_removed_after_them(
        self, store: VectorStore, database: Database, tenant: Principal
    ) -> None:
        gone = await self._document(store, database, tenant, count=2)
        async with database.transaction(tenant.scope) as session:
            await session.execute(
                text("DELETE FROM core.documents WHERE id = :id"), {"id": gone.id}
            )
        if not store.in_database:
            async with database.transaction(tenant.scope) as session:
                await store.remove(session, tenant.tenant_id, [gone.id])
        assert not await self._search(store, database, tenant, gone.vectors[0])

    async def _document(
        self,
        store: VectorStore,
        database: Database,
        owner: Principal,
        *,
        count: int,
        project: bool = False,
    ) -> _Stored:
        async with database.transaction(owner.scope) as session:
            await store.prepare(session, self.space)
        async with database.transaction(owner.scope) as session:
            document = await _insert(session, owner, count, self.space, project=project)
            await store.add(session, self.space, owner.tenant_id, document.chunks, document.vectors)
        return document

    async def _search(
        self,
        store: VectorStore,
        database: Database,
        who: Principal,
        query: NDArray[np.float32],
        *,
        limit: int = 100,
        project_id: UUID | None = None,
        document_ids: Sequence[UUID] | None = None,
    ) -> Sequence[VectorHit]:
        async with database.transaction(who.scope) as session:
            return await store.search(
                session,
                self.space,
                who.tenant_id,
                query,
                limit=limit,
                project_id=project_id,
                document_ids=document_ids,
            )


@dataclass(frozen=True)
class _Stored:
    id: UUID
    project_id: UUID | None
    chunks: list[UUID]
    vectors: NDArray[np.float32]


async def _insert(
    session: AsyncSession,
    owner: Principal,
    count: int,
    space: EmbeddingSpace,
    *,
    project: bool,
) -> _Stored:
    """A document with chunks, and random unit vectors for them."""
    document, project_id = uuid4(), uuid4() if project else None
    whose = {"tenant": owner.tenant_id, "user": owner.user_id, "project": project_id}
    if project:
        await session.execute(
            text(
                "INSERT INTO core.projects (id, tenant_id, user_id, name, type)"
                " VALUES (:project, :tenant, :user, 'suite', 'other')"
            ),
            whose,
        )
    await session.execute(
        text(
            "INSERT INTO core.documents (id, tenant_id, user_id, project_id, type, media_type,"
            " size, sha256, space)"
            " VALUES (:id, :tenant, :user, :project, 'text', 'text/plain', 1, :hash, :space)"
        ),
        {"id": document, "hash": document.bytes, "space": space.id, **whose},
    )
    chunks = [uuid4() for _ in range(count)]
    await session.execute(
        text(
            "INSERT INTO core.chunks (id, tenant_id, user_id, project_id, document_id, ordinal,"
            " text, start_offset, end_offset)"
            " VALUES (:id, :tenant, :user, :project, :document, :ordinal, 'x', 0, 1)"
        ),
        [
            {"id": chunk, "document": document, "ordinal": ordinal, **whose}
            for ordinal, chunk in enumerate(chunks)
        ],
    )
    vectors = np.random.default_rng(count).normal(size=(count, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return _Stored(document, project_id, chunks, vectors)
