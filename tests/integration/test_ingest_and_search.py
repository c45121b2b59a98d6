"""Documents become passages that can be found, and by whom."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import psycopg
import pytest
import pytest_asyncio
from numpy.typing import NDArray
from sqlalchemy import text

from baukasten_core.assembly import open_services
from baukasten_core.contracts.auth import Principal
from baukasten_core.contracts.embedding import Priority
from baukasten_core.contracts.showcase import TransformedText
from baukasten_core.db.session import Database
from baukasten_core.db.urls import libpq_url
from baukasten_core.documents.embedders import Embedders
from baukasten_core.documents.extract import Extractor
from baukasten_core.documents.fetch import Fetcher
from baukasten_core.documents.ingest import BATCH, Ingestor
from baukasten_core.documents.models import Document
from baukasten_core.documents.search import Searcher
from baukasten_core.documents.service import Documents, Upload
from baukasten_core.errors import (
    BadRequest,
    Conflict,
    Forbidden,
    NotFound,
    ProviderRejected,
    ProviderUnavailable,
    ResidencyViolation,
)
from baukasten_core.jobs import Jobs
from baukasten_core.plugins import PluginHost
from baukasten_core.providers.storage.pgvector_store import PgVectorConfig, PgVectorStore
from baukasten_core.testing.fakes import FakeEmbedder, MemoryBlobStore
from baukasten_core.testing.fixtures_app import test_settings as settings_of
from baukasten_core.testing.fixtures_db import DatabaseUrls, create_user
from tests.integration.made import long_text, new_project

PARTS = ("documents", "chunks", "postings")


class Flaky(FakeEmbedder):
    """Answers `good` calls, then is down until told otherwise."""

    good = 1_000_000
    refuses = "poison"

    async def embed(
        self, texts: Sequence[str], *, priority: Priority = "bulk"
    ) -> NDArray[np.float32]:
        if any(self.refuses in text for text in texts):
            raise ProviderRejected("too long for the model")
        if priority == "bulk":
            self.good -= 1
            if self.good < 0:
                raise ProviderUnavailable("down")
        return await super().embed(texts, priority=priority)


@dataclass
class Room:
    """The documents' room with a fake embedder, and jobs run by hand."""

    database: Database
    documents: Documents
    ingestor: Ingestor
    searcher: Searcher
    embedder: Flaky
    blobs: MemoryBlobStore

    async def ready(self, owner: Principal, document: Document) -> Document:
        await self.ingestor.run(owner.scope, document.id)
        async with self.database.transaction(owner.scope) as session:
            return await self.documents.get(session, owner, document.id)

    async def text(self, owner: Principal, content: str, **options: object) -> Document:
        return await self.ready(owner, await self.documents.add_text(owner, content, **options))  # type: ignore[arg-type]

    async def count(self, table: str, owner: Principal, document_id: UUID) -> int:
        column = "id" if table == "documents" else "document_id"
        async with self.database.transaction(owner.scope) as session:
            query = text(f"SELECT count(*) FROM core.{table} WHERE {column} = :id")
            return int(await session.scalar(query, {"id": document_id}) or 0)


def shout(content: str, config: object) -> TransformedText:
    """Leaves `secret` out, and so moves every offset behind it."""
    kept, offsets = [], []
    at = 0
    while at < len(content):
        if content.startswith("secret", at):
            at += len("secret")
            continue
        kept.append(content[at])
        offsets.append(at)
        at += 1
    return TransformedText("".join(kept), offsets)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def room(database: Database) -> AsyncIterator[Room]:
    embedder, blobs = Flaky(), MemoryBlobStore()
    vectors = PgVectorStore(PgVectorConfig())
    async with Extractor() as extractor:
        ingestor = Ingestor(
            database,
            blobs,
            Embedders(embedder),
            vectors,
            extractor,
            Jobs(),
            transform_of=lambda type_: shout if type_ == "blind" else None,
            chunk_characters=200,
        )
        documents = Documents(database, blobs, vectors, Jobs(), extractor, Fetcher(), ingestor)
        searcher = Searcher(database, Embedders(embedder), vectors)
        yield Room(database, documents, ingestor, searcher, embedder, blobs)


@pytest.fixture
def colleague(database_urls: DatabaseUrls, tenant: Principal) -> Principal:
    """A member of the tenant's tenant."""
    other = create_user(database_urls)
    with psycopg.connect(libpq_url(database_urls.owner)) as connection:
        connection.execute(
            "INSERT INTO core.memberships (tenant_id, user_id, role) VALUES (%s, %s, 'member')",
            [tenant.tenant_id, other.user_id],
        )
    return replace(other, tenant_id=tenant.tenant_id, role="member")


# --- from text to passages ------------------------------------------------------------------


async def test_a_text_becomes_passages_with_exact_offsets(room: Room, tenant: Principal) -> None:
    document = await room.text(tenant, long_text(60), title="Topics")
    assert document.status == "ready"
    assert document.chunk_count == document.chunk_total > 3
    passages = await room.searcher.search(tenant, "what about topic5")
    assert passages
    for passage in passages:
        assert document.content is not None
        assert document.content[passage.start : passage.end] == passage.text
        assert passage.title == "Topics"


async def test_a_file_becomes_passages(room: Room, tenant: Principal, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("# Pumps\n\nSwitch the pump off before its filter is changed.\n")
    document = await room.documents.add_file(tenant, Upload(path, "pumps.md", 60, b"x" * 32))
    assert (document.status, document.type, document.filename) == ("queued", "markdown", "pumps.md")
    document = await room.ready(tenant, document)
    assert document.status == "ready"
    assert (await room.searcher.search(tenant, "pump filter"))[0].document_id == document.id
    assert b"".join([piece async for piece in room.documents.file(document)]) == path.read_bytes()


async def test_running_again_changes_nothing(room: Room, tenant: Principal) -> None:
    document = await room.text(tenant, long_text(100))
    before = [await room.count(table, tenant, document.id) for table in PARTS]
    await room.ingestor.run(tenant.scope, document.id)
    async with room.database.transaction(tenant.scope) as session:
        await session.execute(
            text("UPDATE core.documents SET status = 'processing' WHERE id = :id"),
            {"id": document.id},
        )
    document = await room.ready(tenant, document)
    assert document.status == "ready"
    assert [await room.count(table, tenant, document.id) for table in PARTS] == before


async def test_an_interrupted_ingest_goes_on_where_it_stopped(
    room: Room, tenant: Principal
) -> None:
    document = await room.documents.add_text(tenant, long_text(900))
    room.embedder.good = 2
    with pytest.raises(ProviderUnavailable):
        await room.ingestor.run(tenant.scope, document.id)
    assert await room.count("chunks", tenant, document.id) == 2 * BATCH
    room.embedder.good = 1_000_000
    document = await room.ready(tenant, document)
    assert document.status == "ready"
    assert await room.count("chunks", tenant, document.id) == document.chunk_total > 3 * BATCH


async def test_two_workers_at_one_document_write_it_once(room: Room, tenant: Principal) -> None:
    document = await room.documents.add_text(tenant, long_text(900))
    await asyncio.gather(*(room.ingestor.run(tenant.scope, document.id) for _ in range(3)))
    document = await room.ready(tenant, document)
    assert await room.count("chunks", tenant, document.id) == document.chunk_total
    assert document.chunk_count == document.chunk_total


# --- short texts together ---------------------------------------------------------------------


async def statuses(room: Room, owner: Principal, documents: Sequence[Document]) -> list[str]:
    async with room.database.transaction(owner.scope) as session:
        found = [await room.documents.get(session, owner, one.id) for one in documents]
    return [document.status for document in found]


async def jobs_of(room: Room, owner: Principal, documents: Sequence[Document]) -> int:
    """How many jobs there are; they are gone afterwards."""
    async with room.database.transaction(owner.scope) as session:
        ids = [document.id for document in documents]
        return await Jobs().forget(session, owner.tenant_id, document_id=ids)


async def put(room: Room, owner: Principal, *contents: str, **options: Any) -> list[Document]:
    return [await room.documents.add_text(owner, content, **options) for content in contents]


async def test_short_texts_that_wait_are_indexed_with_the_first_and_their_jobs_are_done_with(
    room: Room, tenant: Principal
) -> None:
    mine = await new_project(room.database, tenant)
    texts = [f"Note {n} of {uuid4()}. " * (n + 1) for n in range(20)]
    documents = await put(room, tenant, *texts, project_id=mine)
    await room.ingestor.run(tenant.scope, documents[0].id)
    assert await statuses(room, tenant, documents) == ["ready"] * 20
    for document in documents:
        counts = [await room.count(table, tenant, document.id) for table in PARTS]
        assert counts[1] == await room.count(
            f"vectors_{room.embedder.space.id}", tenant, document.id
        )
        assert counts[1] >= 1
    found = await room.searcher.search(tenant, texts[7], project_id=mine, limit=1)
    assert found[0].document_id == documents[7].id
    assert await jobs_of(room, tenant, documents) == 1  # the one that runs


async def test_what_is_long_or_elsewhere_or_somebody_elses_waits_for_its_own_turn(
    room: Room, tenant: Principal, colleague: Principal
) -> None:
    mine = await new_project(room.database, tenant)
    (first,) = await put(room, tenant, f"First {uuid4()}", project_id=mine)
    others = [
        *await put(room, tenant, long_text(900), project_id=mine),
        *await put(room, tenant, f"Elsewhere {uuid4()}"),
        *await put(room, colleague, f"Not mine {uuid4()}", project_id=mine),
    ]
    await room.ingestor.run(tenant.scope, first.id)
    assert await statuses(room, tenant, [first, *others]) == ["ready", *["queued"] * 3]
    assert await jobs_of(room, tenant, others) == 3


async def test_when_the_embedder_is_down_they_wait_together(room: Room, tenant: Principal) -> None:
    documents = await put(room, tenant, *(f"Waits {n} {uuid4()}" for n in range(3)))
    room.embedder.good = 0
    with pytest.raises(ProviderUnavailable):
        await room.ingestor.run(tenant.scope, documents[0].id)
    room.embedder.good = 1_000_000
    assert await statuses(room, tenant, documents) == ["processing", "queued", "queued"]
    await room.ingestor.run(tenant.scope, documents[0].id)
    assert await statuses(room, tenant, documents) == ["ready"] * 3


async def test_one_that_the_embedder_refuses_fails_alone(room: Room, tenant: Principal) -> None:
    mine = await new_project(room.database, tenant)
    contents = [f"Good {uuid4()}", f"poison {uuid4()}", f"Fine {uuid4()}"]
    first, bad, last = await put(room, tenant, *contents, project_id=mine)
    await room.ingestor.run(tenant.scope, first.id)
    with pytest.raises(ProviderRejected):
        await room.ingestor.run(tenant.scope, bad.id)
    await room.ingestor.run(tenant.scope, last.id)
    assert (await statuses(room, tenant, [first, bad, last]))[::2] == ["ready", "ready"]
    assert await jobs_of(room, tenant, [bad, last]) == 2


async def test_one_that_can_not_be_indexed_holds_up_no_other(
    room: Room, tenant: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = await new_project(room.database, tenant, "blind")
    broken = f"unreadable {uuid4()}"

    def picky(content: str, config: object) -> TransformedText:
        if "unreadable" in content:
            raise ValueError("no such text")
        return shout(content, config)

    monkeypatch.setattr(room.ingestor, "_transform_of", lambda _: picky)
    first, bad, last = await put(
        room, tenant, f"Good {uuid4()}", broken, f"Fine {uuid4()}", project_id=mine
    )
    await room.ingestor.run(tenant.scope, first.id)
    with pytest.raises(ValueError, match="no such text"):
        await room.ingestor.run(tenant.scope, bad.id)
    await room.ingestor.run(tenant.scope, last.id)
    assert (await statuses(room, tenant, [first, bad, last]))[::2] == ["ready", "ready"]
    assert await jobs_of(room, tenant, [bad]) == 1  # it is tried again, and told at last


async def test_what_fails_says_why_and_leaves_nothing_in_the_index(
    room: Room, tenant: Principal
) -> None:
    document = await room.documents.add_text(tenant, long_text(300))
    room.embedder.good = 1
    error = ProviderUnavailable("The embedder is down.")
    with pytest.raises(ProviderUnavailable):
        await room.ingestor.run(tenant.scope, document.id)
    room.embedder.good = 1_000_000
    await room.ingestor.failed(tenant.scope, error, document.id)
    async with room.database.transaction(tenant.scope) as session:
        document = await room.documents.get(session, tenant, document.id)
    assert (document.status, document.error) == ("failed", "The embedder is down.")
    assert [await room.count(table, tenant, document.id) for table in PARTS] == [1, 0, 0]
    await room.documents.add_text(tenant, long_text(300))  # it may be tried again


async def test_a_document_deleted_meanwhile_ends_its_job(room: Room, tenant: Principal) -> None:
    document = await room.documents.add_text(tenant, long_text(10))
    await room.documents.delete(tenant, document.id)
    await room.ingestor.run(tenant.scope, document.id)
    assert [await room.count(table, tenant, document.id) for table in PARTS] == [0, 0, 0]


async def test_deleting_takes_chunks_postings_vectors_jobs_and_the_file(
    room: Room, tenant: Principal, tmp_path: Path
) -> None:
    path = tmp_path / "file"
    path.write_text(long_text(50))
    document = await room.documents.add_file(tenant, Upload(path, "a.txt", 9, b"y" * 32))
    await room.ready(tenant, document)
    await room.documents.delete(tenant, document.id)
    tables = [*PARTS, f"vectors_{room.embedder.space.id}"]
    assert [await room.count(table, tenant, document.id) for table in tables] == [0, 0, 0, 0]
    assert not [key for key in room.blobs.files if str(document.id) in key]
    async with room.database.transaction(tenant.scope) as session:
        assert await Jobs().forget(session, tenant.tenant_id, document_id=document.id) == 1
    assert not await room.searcher.search(tenant, "sentence topic5")


async def test_content_that_is_there_already_is_named(room: Room, tenant: Principal) -> None:
    mine = await new_project(room.database, tenant)
    first = await room.documents.add_text(tenant, "The same text.", project_id=mine)
    with pytest.raises(Conflict) as caught:
        await room.documents.add_text(tenant, "The same text.", project_id=mine)
    assert caught.value.extra["document_id"] == str(first.id)
    assert str(first.id) in caught.value.detail
    await room.documents.add_text(tenant, "The same text.")  # elsewhere it is new
    results = await asyncio.gather(
        *(room.documents.add_text(tenant, "All at once.", project_id=mine) for _ in range(5)),
        return_exceptions=True,
    )
    errors = [result for result in results if not isinstance(result, Document)]
    assert [type(error) for error in errors] == [Conflict] * 4


async def test_a_transform_decides_what_is_indexed_and_offsets_stay_the_originals(
    room: Room, tenant: Principal
) -> None:
    blind = await new_project(room.database, tenant, "blind")
    content = "The secret gardener has pruned roses. " * 20
    document = await room.text(tenant, content, project_id=blind)
    passages = await room.searcher.search(tenant, "gardener roses", project_id=blind)
    assert passages
    for passage in passages:
        assert "secret" not in passage.text
        assert document.content is not None
        original = document.content[passage.start : passage.end]
        assert shout(original, {}).text == passage.text
    async with room.database.transaction(tenant.scope) as session:
        query = text("SELECT count(*) FROM core.postings WHERE term = 'secret'")
        assert await session.scalar(query) == 0


async def test_a_transform_that_comes_while_a_file_is_extracted_counts(
    room: Room, tenant: Principal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = await new_project(room.database, tenant)
    extractor = room.ingestor._extractor
    extract = extractor.extract

    async def change_and_extract(*args: Any, **options: Any) -> Any:
        async with room.database.transaction(tenant.scope) as session:
            query = text("UPDATE core.projects SET type = 'blind' WHERE id = :id")
            await session.execute(query, {"id": mine})
        return await extract(*args, **options)

    monkeypatch.setattr(extractor, "extract", change_and_extract)
    (path := tmp_path / "file").write_text("The secret gardener has pruned roses.")
    upload = Upload(path, "roses.txt", 38, b"r" * 32)
    await room.ready(tenant, await room.documents.add_file(tenant, upload, project_id=mine))
    (passage,) = await room.searcher.search(tenant, "gardener roses", project_id=mine)
    assert passage.text == "The  gardener has pruned roses."


async def test_reindexing_makes_the_same_index_anew(room: Room, tenant: Principal) -> None:
    mine = await new_project(room.database, tenant)
    document = await room.text(tenant, long_text(300), project_id=mine)
    before = [await room.count(table, tenant, document.id) for table in PARTS]
    assert await room.documents.reindex(tenant, mine) == 1
    assert await room.documents.reindex(tenant, mine) == 0
    document = await room.ready(tenant, document)
    assert document.status == "ready"
    assert [await room.count(table, tenant, document.id) for table in PARTS] == before
    assert (await room.searcher.search(tenant, "topic5 length"))[0].document_id == document.id


# --- who sees what --------------------------------------------------------------------------


async def test_a_stranger_finds_and_gets_nothing(
    room: Room, tenant: Principal, stranger: Principal
) -> None:
    document = await room.text(tenant, "A wombat digs its burrow in the hillside.")
    assert await room.searcher.search(tenant, "wombat burrow")
    assert not await room.searcher.search(stranger, "wombat burrow")
    assert not await room.searcher.search(stranger, "wombat burrow", documents=[document.id])
    async with room.database.transaction(stranger.scope) as session:
        with pytest.raises(NotFound):
            await room.documents.get(session, stranger, document.id)
    with pytest.raises(NotFound):
        await room.documents.delete(stranger, document.id)
    tables = [*PARTS, f"vectors_{room.embedder.space.id}"]
    assert [await room.count(table, stranger, document.id) for table in tables] == [0, 0, 0, 0]


async def test_a_strangers_project_cannot_be_used(
    room: Room, tenant: Principal, stranger: Principal
) -> None:
    theirs = await new_project(room.database, stranger)
    with pytest.raises(NotFound):
        await room.documents.add_text(tenant, "text", project_id=theirs)
    async with room.database.transaction(tenant.scope) as session:
        with pytest.raises(NotFound):
            await room.documents.list(session, tenant, project_id=theirs, limit=5)


async def test_a_private_document_is_private_with_all_its_parts(
    room: Room, tenant: Principal, colleague: Principal
) -> None:
    private = await room.text(tenant, "Numbats eat termites at noon.", private=True)
    shared = await room.text(tenant, "Numbats are striped marsupials.")
    tables = [*PARTS, f"vectors_{room.embedder.space.id}"]
    assert [await room.count(table, colleague, private.id) for table in tables] == [0, 0, 0, 0]
    assert all([await room.count(table, colleague, shared.id) for table in tables])
    found = {hit.document_id for hit in await room.searcher.search(colleague, "numbats termites")}
    assert found == {shared.id}
    mine = {hit.document_id for hit in await room.searcher.search(tenant, "numbats termites")}
    assert mine == {private.id, shared.id}


async def test_privacy_of_a_part_follows_its_document(room: Room, tenant: Principal) -> None:
    document = await room.text(tenant, "Quolls hunt at night.")
    async with room.database.transaction(tenant.scope) as session:
        statement = text("UPDATE core.documents SET private = true WHERE id = :id")
        await session.execute(statement, {"id": document.id})
        for table in ("chunks", "postings", f"vectors_{room.embedder.space.id}"):
            query = text(f"SELECT bool_and(private) FROM core.{table} WHERE document_id = :id")
            assert await session.scalar(query, {"id": document.id}) is True


async def test_a_colleague_cannot_delete_what_is_not_theirs(
    room: Room, tenant: Principal, colleague: Principal
) -> None:
    document = await room.text(tenant, "Echidnas lay eggs.")
    with pytest.raises(Forbidden):
        await room.documents.delete(colleague, document.id)


async def test_a_key_bound_to_a_project_reaches_no_other(room: Room, tenant: Principal) -> None:
    one, two = [await new_project(room.database, tenant) for _ in range(2)]
    inside = await room.text(tenant, "Bilbies dig spirals.", project_id=one)
    outside = await room.text(tenant, "Bilbies have long ears.", project_id=two)
    key = replace(tenant, project_id=one)
    found = {hit.document_id for hit in await room.searcher.search(key, "bilbies dig ears")}
    assert found == {inside.id}
    with pytest.raises(NotFound):
        await room.searcher.search(key, "bilbies", project_id=two)
    async with room.database.transaction(key.scope) as session:
        assert [row.id for row in await room.documents.list(session, key, limit=9)] == [inside.id]
        with pytest.raises(NotFound):
            await room.documents.get(session, key, outside.id)


# --- search ---------------------------------------------------------------------------------


async def test_the_score_tells_relevant_from_irrelevant(room: Room, tenant: Principal) -> None:
    await room.text(tenant, "The annual leave is thirty days in each calendar year.")
    await room.text(tenant, "The canteen opens at half past eleven.")
    best = (await room.searcher.search(tenant, "annual leave days"))[0]
    assert "leave" in best.text
    assert best.score > 0.5
    assert all(
        hit.score < 0.35 for hit in await room.searcher.search(tenant, "quantum chromodynamics")
    )


async def test_documents_come_best_first_with_their_passages(room: Room, tenant: Principal) -> None:
    many = await room.text(tenant, "Otters swim. " + long_text(30) + " Otters hold hands.")
    one = await room.text(tenant, "Herons stand. Otters sometimes swim by.")
    hits = await room.searcher.search_documents(tenant, "otters swim", limit=5)
    assert {hit.document.id for hit in hits} == {many.id, one.id}
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    assert all(hit.passages[0].score == hit.score for hit in hits)
    assert len(await room.searcher.search_documents(tenant, "otters swim", limit=1)) == 1


async def test_every_language_is_searched_in_its_own_stems(room: Room, tenant: Principal) -> None:
    german = await room.text(
        tenant, "Die Rechnungen werden am ersten Werktag des Monats an alle Kunden verschickt."
    )
    english = await room.text(
        tenant, "The invoices are sent to every customer on the first working day of the month."
    )
    assert (german.language, english.language) == ("de", "en")
    for query, expected in (("Rechnung verschicken", german), ("sending invoice", english)):
        assert (await room.searcher.search(tenant, query))[0].document_id == expected.id


async def test_a_query_that_is_too_short_is_refused(room: Room, tenant: Principal) -> None:
    for query in ("", "ab", "  ab \n", "\x00\x00\x00\x00"):
        with pytest.raises(BadRequest):
            await room.searcher.search(tenant, query)


@pytest.mark.parametrize(
    "query", ["'; DROP TABLE x; --", "%_%", "日本語の検索", "🚀🚀🚀", "\ud800abc"]
)
async def test_any_query_is_answered(room: Room, tenant: Principal, query: str) -> None:
    await room.text(tenant, f"Something to look through, {uuid4()}.")
    assert isinstance(await room.searcher.search(tenant, query), list)


# --- residency ------------------------------------------------------------------------------


async def test_nothing_is_stored_or_embedded_where_it_may_not_go(
    room: Room, database_urls: DatabaseUrls, tenant: Principal, tmp_path: Path
) -> None:
    class Deaf(FakeEmbedder):
        async def embed(
            self, texts: Sequence[str], *, priority: Priority = "bulk"
        ) -> NDArray[np.float32]:
            raise AssertionError("a text was sent")

    options = {"url": "memory://elsewhere", "region": "us"}
    settings = settings_of(
        tmp_path,
        database_urls,
        storage={"blob_options": options},
        embedding={
            "provider": "ollama",
            "options": {"model": "m", "dimensions": 256, "region": "us"},
        },
    )
    path = tmp_path / "file"
    path.write_text("Stays here.")
    async with open_services(settings, PluginHost.discover(), embedder=Deaf()) as services:
        with pytest.raises(ResidencyViolation):
            await services.documents.add_file(tenant, Upload(path, "a.txt", 11, b"z" * 32))
        assert not await services.blobs.delete(f"{tenant.tenant_id}/")
        with pytest.raises(ResidencyViolation):
            await services.searcher.search(tenant, "stays here")
        document = await services.documents.add_text(tenant, "Stays here as well.")
        handler = services.documents.handlers()["documents.ingest"]
        with pytest.raises(ResidencyViolation):
            await handler.run(tenant.scope, document_id=document.id)
