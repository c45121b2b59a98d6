"""An upload that is cut off anywhere leaves no file that nobody knows of."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn
from uuid import UUID

import pytest
import pytest_asyncio
from sqlalchemy import text

from baukasten_core.contracts.auth import Principal
from baukasten_core.db.session import Database
from baukasten_core.documents.embedders import Embedders
from baukasten_core.documents.extract import Extractor
from baukasten_core.documents.files import file_key
from baukasten_core.documents.ingest import Ingestor
from baukasten_core.documents.insertion import UNFINISHED
from baukasten_core.documents.models import Document
from baukasten_core.documents.service import Documents, Upload
from baukasten_core.errors import Conflict, NotFound, ProviderUnavailable
from baukasten_core.jobs import Jobs
from baukasten_core.providers.storage.pgvector_store import PgVectorConfig, PgVectorStore
from baukasten_core.testing.fakes import FakeEmbedder, MemoryBlobStore


class Killed(BaseException):
    """The process is no more: nothing is tidied up."""


@dataclass
class Store(MemoryBlobStore):
    """Does as told once a file is in it."""

    documents: Documents = field(init=False)
    owner: Principal = field(init=False)
    then: str = "go on"

    def __post_init__(self) -> None:
        super().__init__()

    async def put(self, key: str, data: AsyncIterator[bytes]) -> int:
        if self.then == "be down":
            raise ProviderUnavailable("down")
        size = await super().put(key, data)
        if self.then == "be deleted meanwhile":
            document_id = UUID(key.rsplit("/")[-1])
            await self.documents.delete(self.owner, document_id)
            await super().put(key, data)  # as if it arrived only now
            self.files[key] = b"late"
        return size


class KilledJobs(Jobs):
    """The queue as a process sees it that is killed when a file is stored and its job is not:
    neither does it queue the job nor take anything back."""

    async def enqueue(self, *args: object, **arguments: object) -> NoReturn:
        raise Killed

    async def forget(self, *args: object, **arguments: object) -> NoReturn:
        raise Killed


@dataclass
class Room:
    database: Database
    blobs: Store
    documents: Documents
    killed: Documents
    path: Path

    @property
    def upload(self) -> Upload:
        return Upload(self.path, "a.txt", self.path.stat().st_size, b"u" * 32)

    async def rows(self, owner: Principal) -> list[Document]:
        async with self.database.transaction(owner.scope) as session:
            return list(await self.documents.list(session, owner, limit=10))

    async def jobs(self, owner: Principal) -> list[str]:
        query = text(
            "SELECT task_name FROM jobs.procrastinate_jobs WHERE args->>'tenant_id' = :tenant"
        )
        async with self.database.transaction(owner.scope) as session:
            found = await session.scalars(query, {"tenant": str(owner.tenant_id)})
            return list(found)


@pytest_asyncio.fixture(loop_scope="session")
async def room(database: Database, tenant: Principal, tmp_path: Path) -> AsyncIterator[Room]:
    blobs, vectors = Store(), PgVectorStore(PgVectorConfig())
    path = tmp_path / "file"
    path.write_text("Some text of an upload.")
    async with Extractor() as extractor:
        ingestor = Ingestor(
            *(database, blobs, Embedders(FakeEmbedder()), vectors, extractor, Jobs())
        )
        rest = extractor, None, ingestor
        documents = Documents(database, blobs, vectors, Jobs(), *rest)
        killed = Documents(database, blobs, vectors, KilledJobs(), *rest)
        blobs.documents, blobs.owner = documents, tenant
        yield Room(database, blobs, documents, killed, path)


def keys(*documents: Document) -> set[str]:
    return {file_key(row.tenant_id, row.project_id, row.id) for row in documents}


async def test_an_upload_has_a_row_a_file_and_a_job(room: Room, tenant: Principal) -> None:
    document = await room.documents.add_file(tenant, room.upload)
    assert (document.status, document.error) == ("queued", None)
    assert set(room.blobs.files) == keys(document)
    assert await room.jobs(tenant) == ["documents.ingest"]


async def test_a_killed_process_leaves_a_row_that_says_so_and_names_the_file(
    room: Room, tenant: Principal
) -> None:
    with pytest.raises(Killed):
        await room.killed.add_file(tenant, room.upload)
    (row,) = await room.rows(tenant)
    assert (row.status, row.error, row.stored) == ("failed", UNFINISHED, True)
    assert set(room.blobs.files) == keys(row)
    assert not await room.jobs(tenant)
    again = await room.documents.add_file(tenant, room.upload)  # nothing is in its way
    await room.documents.delete(tenant, row.id)
    assert set(room.blobs.files) == keys(again)


async def test_a_store_that_is_down_leaves_nothing(room: Room, tenant: Principal) -> None:
    room.blobs.then = "be down"
    with pytest.raises(ProviderUnavailable):
        await room.documents.add_file(tenant, room.upload)
    assert not await room.rows(tenant)
    assert not room.blobs.files


async def test_a_document_that_is_deleted_while_its_file_is_stored_takes_the_file_along(
    room: Room, tenant: Principal
) -> None:
    room.blobs.then = "be deleted meanwhile"
    with pytest.raises(NotFound, match="was deleted while it was put in"):
        await room.documents.add_file(tenant, room.upload)
    assert not await room.rows(tenant)
    assert not room.blobs.files


async def test_of_the_same_content_put_in_at_once_one_stays(room: Room, tenant: Principal) -> None:
    results = await asyncio.gather(
        *(room.documents.add_file(tenant, room.upload) for _ in range(4)), return_exceptions=True
    )
    made = [result for result in results if isinstance(result, Document)]
    errors = [result for result in results if not isinstance(result, Document)]
    assert len(made) == 1
    assert [type(error) for error in errors] == [Conflict] * 3
    assert [row.id for row in await room.rows(tenant)] == [made[0].id]
    assert set(room.blobs.files) == keys(made[0])
