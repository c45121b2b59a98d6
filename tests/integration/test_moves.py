"""A project moves to another embedding space while it goes on being searched."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID, uuid4

import numpy as np
import psycopg
import pytest
import pytest_asyncio
from numpy.typing import NDArray
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from baukasten_core.contracts.auth import Principal, Scope
from baukasten_core.contracts.embedding import EmbeddingProvider, Priority
from baukasten_core.contracts.showcase import TransformedText
from baukasten_core.db.session import Database
from baukasten_core.db.urls import libpq_url
from baukasten_core.documents import bm25, mover
from baukasten_core.documents.embedders import Embedders
from baukasten_core.documents.extract import Extractor
from baukasten_core.documents.indexing import chunk_id
from baukasten_core.documents.ingest import Ingestor
from baukasten_core.documents.models import Document
from baukasten_core.documents.mover import Mover
from baukasten_core.documents.moves import Move, Moves, Place
from baukasten_core.documents.nearest import Filter
from baukasten_core.documents.search import Searcher
from baukasten_core.documents.service import Documents
from baukasten_core.errors import (
    BadRequest,
    Conflict,
    Forbidden,
    NotFound,
    ProviderUnavailable,
    ResidencyViolation,
)
from baukasten_core.jobs import Jobs
from baukasten_core.providers.storage.pgvector_store import PgVectorConfig, PgVectorStore
from baukasten_core.testing.fakes import FakeEmbedder, MemoryBlobStore
from baukasten_core.testing.fixtures_db import DatabaseUrls, create_user


class Killed(BaseException):
    """What ends a worker, not its job."""


class Embedder(FakeEmbedder):
    """Notes what it is asked; `before` is called before each bulk call."""

    def __init__(self, dimensions: int = 256, variant: str = "") -> None:
        super().__init__(dimensions, variant)
        self.texts: list[str] = []
        self.queries: list[str] = []
        self.before: Callable[[], object] = lambda: None

    async def embed(
        self, texts: Sequence[str], *, priority: Priority = "bulk"
    ) -> NDArray[np.float32]:
        if priority == "bulk":
            result = self.before()
            if isinstance(result, asyncio.Future) or asyncio.iscoroutine(result):
                await result
            self.texts += texts
        else:
            self.queries += texts
        return await super().embed(texts, priority=priority)


@dataclass
class Platform:
    """The documents' room with embedders that can be taken away, and jobs run by hand."""

    database: Database
    extractor: Extractor
    old: Embedder = field(default_factory=Embedder)
    new: Embedder = field(default_factory=lambda: Embedder(64, "new"))
    like: Embedder = field(default_factory=lambda: Embedder(256, "of the same dimensions"))
    turn_seconds: float = 600.0

    def __post_init__(self) -> None:
        self.configure(self.old, new=self.new, like=self.like)

    def configure(self, default: EmbeddingProvider, **more: EmbeddingProvider) -> None:
        """Start anew with these embedders."""
        self.vectors, blobs = PgVectorStore(PgVectorConfig()), MemoryBlobStore()
        self.embedders, jobs = Embedders(default, more), Jobs()
        transform = lambda type_: shout if type_ == "blind" else None  # noqa: E731
        self.ingestor = Ingestor(
            *(self.database, blobs, self.embedders, self.vectors, self.extractor, jobs),
            transform_of=transform,
            chunk_characters=200,
        )
        self.documents = Documents(
            *(self.database, blobs, self.vectors, jobs, self.extractor, None, self.ingestor)
        )
        self.searcher = Searcher(self.database, self.embedders, self.vectors)
        self.moves = Moves(self.database, self.embedders, jobs)
        self.mover = Mover(
            *(self.database, self.embedders, self.vectors, jobs),
            transform_of=transform,
            turn_seconds=self.turn_seconds,
        )

    async def work(self, place: Place) -> None:
        """What the worker does when a job of this place comes up."""
        await self.mover.run(place.scope, project_id=place.project_id)

    async def put(
        self, owner: Principal, content: str, project: UUID | None = None, **options: object
    ) -> Document:
        added = await self.documents.add_text(owner, content, project_id=project, **options)  # type: ignore[arg-type]
        await self.ingestor.run(owner.scope, added.id)
        async with self.database.transaction(owner.scope) as session:
            return await self.documents.get(session, owner, added.id)

    async def found(self, owner: Principal, query: str, project: UUID | None = None) -> list[UUID]:
        hits = await self.searcher.search(owner, query, project_id=project, limit=20)
        return [hit.document_id for hit in hits]

    async def spaces(self, owner: Principal, document: Document) -> tuple[str | None, str | None]:
        async with self.database.transaction(owner.scope) as session:
            row = await self.documents.get(session, owner, document.id)
            return row.space, row.other_space

    async def count(self, owner: Principal, document: Document, embedder: FakeEmbedder) -> int:
        """Vectors of a document in an embedder's space."""
        async with self.database.transaction(owner.scope) as session:
            if not await self.vectors._exists(session, embedder.space):
                return 0
            query = text(
                f"SELECT count(*) FROM core.vectors_{embedder.space.id} WHERE document_id = :id"
            )
            return int(await session.scalar(query, {"id": document.id}) or 0)

    async def move(self, place: Place) -> Move | None:
        status = await self.moves.status()
        return next((each for each in status.moves if each.place == place), None)

    async def migrate(self, place: Place, name: str = "new") -> None:
        assert await self.moves.start(place, name)
        await self.work(place)


def shout(content: str, config: object) -> TransformedText:
    return TransformedText(content.upper(), list(range(len(content))))


@pytest_asyncio.fixture(loop_scope="session")
async def platform(database: Database) -> AsyncIterator[Platform]:
    async with Extractor() as extractor:
        yield Platform(database, extractor)


@pytest_asyncio.fixture(loop_scope="session")
async def project(database: Database, tenant: Principal) -> UUID:
    return await new_project(database, tenant)


@pytest.fixture
def place(tenant: Principal, project: UUID) -> Place:
    return Place(tenant.tenant_id, project)


async def new_project(database: Database, owner: Principal, type_: str = "other") -> UUID:
    values = {"id": uuid4(), "t": owner.tenant_id, "u": owner.user_id, "type": type_}
    async with database.transaction(owner.scope) as session:
        await session.execute(
            text(
                "INSERT INTO core.projects (id, tenant_id, user_id, name, type)"
                " VALUES (:id, :t, :u, 'p', :type)"
            ),
            values,
        )
    return UUID(str(values["id"]))


def long_text(sentences: int, about: str = "topic") -> str:
    return " ".join(
        f"Sentence number {n} speaks of {about}{n % 17} at length." for n in range(sentences)
    )


HERON = "The grey heron waits for fish in shallow water."


# --- moving -----------------------------------------------------------------------------------


async def test_a_move_gives_every_document_vectors_in_the_new_space_and_then_flips_them_all(
    platform: Platform, tenant: Principal, project: UUID, place: Place
) -> None:
    mine = [
        await platform.put(tenant, HERON, project, title="Birds"),
        await platform.put(tenant, long_text(200), project),
        await platform.put(tenant, "Of nobody else's business.", project, private=True),
    ]
    elsewhere = await platform.put(tenant, "In no project at all.")
    await platform.migrate(place)
    spaces = (platform.new.space.id, platform.old.space.id)
    assert [await platform.spaces(tenant, each) for each in mine] == [spaces] * 3
    assert await platform.spaces(tenant, elsewhere) == (platform.old.space.id, None)
    for each in mine:
        assert await platform.count(tenant, each, platform.new) == each.chunk_count
        assert await platform.count(tenant, each, platform.old) == each.chunk_count
    move = await platform.move(place)
    assert move is not None
    assert (move.state, move.done) == ("moved", move.total)
    assert move.total == sum(each.chunk_count for each in mine)
    assert (await platform.found(tenant, "heron fish", project))[0] == mine[0].id
    assert platform.new.queries


async def test_what_moves_is_embedded_as_what_is_put_in(
    platform: Platform, database: Database, tenant: Principal, project: UUID, place: Place
) -> None:
    blind = await new_project(database, tenant, "blind")
    for where in (project, blind):
        await platform.put(tenant, HERON, where, title="Birds")
    before = list(platform.old.texts)
    assert before == [f"Birds\n{HERON}", HERON.upper()]  # what a transform takes out, a title tells
    for where in (project, blind):
        await platform.migrate(replace(place, project_id=where))
    assert platform.new.texts == before


async def test_documents_in_no_project_move_as_well(platform: Platform, tenant: Principal) -> None:
    document = await platform.put(tenant, HERON)
    await platform.migrate(Place(tenant.tenant_id))
    assert (await platform.spaces(tenant, document))[0] == platform.new.space.id
    assert await platform.found(tenant, "heron fish") == [document.id]


async def test_private_documents_of_every_member_move_and_stay_private(
    platform: Platform, database_urls: DatabaseUrls, tenant: Principal, project: UUID, place: Place
) -> None:
    other = create_user(database_urls)
    with psycopg.connect(libpq_url(database_urls.owner)) as connection:
        connection.execute(
            "INSERT INTO core.memberships (tenant_id, user_id, role) VALUES (%s, %s, 'member')",
            [tenant.tenant_id, other.user_id],
        )
    colleague = replace(other, tenant_id=tenant.tenant_id, role="member")
    mine = await platform.put(tenant, "My heron.", project, private=True)
    theirs = await platform.put(colleague, "Their heron.", project, private=True)
    await platform.migrate(place)
    assert await platform.found(tenant, "heron", project) == [mine.id]
    assert await platform.found(colleague, "heron", project) == [theirs.id]
    assert await platform.count(tenant, theirs, platform.new) == 0
    assert await platform.count(colleague, theirs, platform.new) == 1


async def test_new_documents_of_a_project_that_moved_go_to_its_new_space(
    platform: Platform, tenant: Principal, project: UUID, place: Place
) -> None:
    await platform.put(tenant, HERON, project)
    assert await platform.moves.start(place, "new")
    before = await platform.put(tenant, "Put in before the flip.", project)
    assert (await platform.spaces(tenant, before))[0] == platform.old.space.id
    await platform.work(place)
    after = await platform.put(tenant, "Put in after the flip.", project)
    assert (await platform.spaces(tenant, before))[0] == platform.new.space.id
    assert await platform.spaces(tenant, after) == (platform.new.space.id, None)
    await platform.moves.confirm(place)
    await platform.work(place)
    confirmed = await platform.put(tenant, "Put in after all of it.", project)
    assert await platform.spaces(tenant, confirmed) == (platform.new.space.id, None)
    elsewhere = await platform.put(tenant, "In no project at all.")
    assert await platform.spaces(tenant, elsewhere) == (platform.old.space.id, None)


async def test_a_document_whose_project_flips_while_it_is_put_in_begins_anew_in_the_new_space(
    platform: Platform, tenant: Principal, project: UUID, place: Place
) -> None:
    await platform.put(tenant, HERON, project)
    assert await platform.moves.start(place, "new")
    added = await platform.documents.add_text(tenant, long_text(900), project_id=project)
    batches = 0

    def flip_after_two() -> object:
        nonlocal batches
        batches += 1
        return asyncio.ensure_future(platform.work(place)) if batches == 3 else None

    platform.old.before = flip_after_two
    await platform.ingestor.run(tenant.scope, added.id)
    assert batches == 3
    async with platform.database.transaction(tenant.scope) as session:
        document = await platform.documents.get(session, tenant, added.id)
    assert (document.status, document.space) == ("ready", platform.new.space.id)
    assert await platform.count(tenant, document, platform.old) == 0
    assert await platform.count(tenant, document, platform.new) == document.chunk_total


async def test_a_move_to_the_default_leaves_no_record(
    platform: Platform, tenant: Principal, project: UUID, place: Place
) -> None:
    document = await platform.put(tenant, HERON, project)
    platform.configure(platform.new, old=platform.old)
    late = await platform.put(tenant, "Put in with the new default.", project)
    await platform.migrate(place, "default")
    assert (await platform.spaces(tenant, document))[0] == platform.new.space.id
    assert await platform.spaces(tenant, late) == (platform.new.space.id, None)
    await platform.moves.confirm(place)
    await platform.work(place)
    assert await platform.move(place) is None
    assert await platform.count(tenant, document, platform.old) == 0


# --- pausing, dying, going on ----------------------------------------------------------------


async def test_a_paused_move_goes_on_where_it_stopped(
    platform: Platform,
    tenant: Principal,
    project: UUID,
    place: Place,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(mover, "BATCH", 8)
    document = await platform.put(tenant, long_text(300), project)
    assert await platform.moves.start(place, "new")
    calls = 0

    def pause_in_the_second() -> object:
        nonlocal calls
        calls += 1
        return asyncio.ensure_future(platform.moves.pause(place)) if calls == 2 else None

    platform.new.before = pause_in_the_second
    await platform.work(place)
    move = await platform.move(place)
    assert move is not None
    assert (move.state, move.done) == ("paused", 8)
    await platform.work(place)  # a job that is still queued does nothing
    assert await platform.count(tenant, document, platform.new) == 8
    assert await platform.found(tenant, "topic5 length", project)
    await platform.moves.resume(place)
    await platform.work(place)
    assert (await platform.spaces(tenant, document))[0] == platform.new.space.id
    # Once more for the batch during which it was paused.
    assert len(platform.new.texts) == document.chunk_count + 8


async def test_a_worker_that_is_killed_in_the_middle_doubles_and_loses_nothing(
    platform: Platform,
    tenant: Principal,
    project: UUID,
    place: Place,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(mover, "BATCH", 8)
    documents = [
        await platform.put(tenant, long_text(100, f"matter{n}x"), project) for n in range(3)
    ]
    assert await platform.moves.start(place, "new")
    calls = 0

    def die() -> None:
        nonlocal calls
        calls += 1
        if calls % 2 == 0:
            raise Killed

    platform.new.before = die
    deaths = 0
    while (move := await platform.move(place)) is not None and move.state == "running":
        try:
            await platform.work(place)
        except Killed:
            deaths += 1
    assert deaths >= 3
    for document in documents:
        assert await platform.count(tenant, document, platform.new) == document.chunk_count
    assert len(platform.new.texts) == sum(each.chunk_count for each in documents)


async def test_two_workers_at_one_move_write_each_vector_once(
    platform: Platform, tenant: Principal, project: UUID, place: Place
) -> None:
    document = await platform.put(tenant, long_text(600), project)
    assert await platform.moves.start(place, "new")
    await asyncio.gather(*(platform.work(place) for _ in range(3)))
    assert await platform.count(tenant, document, platform.new) == document.chunk_count
    assert await platform.spaces(tenant, document) == (
        platform.new.space.id,
        platform.old.space.id,
    )


async def test_what_is_put_in_anew_while_it_moves_is_embedded_anew(
    platform: Platform, tenant: Principal, project: UUID, place: Place
) -> None:
    document = await platform.put(tenant, HERON, project)
    assert await platform.moves.start(place, "new")

    async def change() -> None:
        platform.new.before = lambda: None
        async with platform.database.transaction(tenant.scope) as session:
            query = text("UPDATE core.documents SET content = 'Storks eat frogs.' WHERE id = :id")
            await session.execute(query, {"id": document.id})
        await platform.documents.reindex(tenant, project)
        await platform.ingestor.run(tenant.scope, document.id)

    platform.new.before = change
    await platform.work(place)
    assert platform.new.texts == [HERON, "Storks eat frogs."]
    (expected,) = await platform.new.embed(["Storks eat frogs."])
    async with platform.database.transaction(tenant.scope) as session:
        (hit,) = await platform.vectors.search(
            session, platform.new.space, tenant.tenant_id, expected, limit=1
        )
    assert hit.cosine == pytest.approx(1.0, abs=1e-5)


async def test_a_job_lets_others_have_their_turn(
    platform: Platform,
    tenant: Principal,
    project: UUID,
    place: Place,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(mover, "BATCH", 8)
    platform.turn_seconds = 0
    platform.configure(platform.old, new=platform.new)
    await platform.put(tenant, long_text(100), project)
    assert await platform.moves.start(place, "new")
    async with platform.database.transaction(place.scope) as session:
        before = (await Jobs().pending(session)).get("documents.move", 0)
    await platform.work(place)
    async with platform.database.transaction(place.scope) as session:
        assert (await Jobs().pending(session))["documents.move"] == before + 1
    move = await platform.move(place)
    assert move is not None
    assert (move.state, move.done) == ("running", 8)


async def test_a_move_that_fails_says_why_and_goes_on_when_told(
    platform: Platform, tenant: Principal, project: UUID, place: Place
) -> None:
    document = await platform.put(tenant, HERON, project)
    assert await platform.moves.start(place, "new")
    platform.configure(platform.old)
    with pytest.raises(ProviderUnavailable) as caught:
        await platform.work(place)
    await platform.mover.failed(place.scope, caught.value, project_id=place.project_id)
    move = await platform.move(place)
    assert move is not None
    assert (move.state, move.error) == ("failed", caught.value.detail)
    platform.configure(platform.old, new=platform.new)
    await platform.moves.resume(place)
    await platform.work(place)
    assert (await platform.spaces(tenant, document))[0] == platform.new.space.id


# --- the end of it -----------------------------------------------------------------------------


async def test_confirming_drops_the_old_vectors(
    platform: Platform, tenant: Principal, project: UUID, place: Place
) -> None:
    document = await platform.put(tenant, long_text(100), project)
    elsewhere = await platform.put(tenant, "In no project at all.")
    await platform.migrate(place)
    await platform.moves.confirm(place)
    await platform.work(place)
    assert await platform.spaces(tenant, document) == (platform.new.space.id, None)
    assert await platform.count(tenant, document, platform.old) == 0
    assert await platform.count(tenant, elsewhere, platform.old) == 1
    assert await platform.found(tenant, "topic5 length", project)


async def test_rolling_back_before_the_flip_leaves_everything_as_it_was(
    platform: Platform,
    tenant: Principal,
    project: UUID,
    place: Place,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(mover, "BATCH", 8)
    document = await platform.put(tenant, long_text(300), project)
    assert await platform.moves.start(place, "new")
    platform.new.before = lambda: asyncio.ensure_future(platform.moves.pause(place))
    await platform.work(place)
    platform.new.before = lambda: None
    await platform.moves.resume(place)
    platform.old.before = lambda: None
    calls = 0

    def stop() -> object:
        nonlocal calls
        calls += 1
        return asyncio.ensure_future(platform.moves.pause(place)) if calls == 3 else None

    platform.new.before = stop
    await platform.work(place)
    assert await platform.count(tenant, document, platform.new) == 16
    await platform.moves.roll_back(place)
    await platform.work(place)
    assert await platform.move(place) is None
    assert await platform.spaces(tenant, document) == (platform.old.space.id, None)
    assert await platform.count(tenant, document, platform.new) == 0
    assert await platform.count(tenant, document, platform.old) == document.chunk_count


async def test_rolling_back_after_the_flip_is_at_once_and_takes_along_what_came_since(
    platform: Platform, tenant: Principal, project: UUID, place: Place
) -> None:
    document = await platform.put(tenant, long_text(100), project)
    await platform.migrate(place)
    late = await platform.put(tenant, HERON, project)
    await platform.moves.roll_back(place)
    # At once, before any job has run.
    assert await platform.spaces(tenant, document) == (platform.old.space.id, platform.new.space.id)
    assert (await platform.spaces(tenant, late))[0] == platform.new.space.id
    newest = await platform.put(tenant, "Put in while it is rolled back.", project)
    assert await platform.spaces(tenant, newest) == (platform.old.space.id, None)
    assert set(await platform.found(tenant, "heron topic5 rolled", project)) == {
        *(document.id, late.id, newest.id)
    }
    await platform.work(place)
    for each in (document, late, newest):
        assert await platform.spaces(tenant, each) == (platform.old.space.id, None)
        assert await platform.count(tenant, each, platform.new) == 0
        assert await platform.count(tenant, each, platform.old) == each.chunk_count
    assert await platform.move(place) is None


async def test_deleting_and_failing_clear_both_spaces(
    platform: Platform, tenant: Principal, project: UUID, place: Place
) -> None:
    document = await platform.put(tenant, HERON, project)
    await platform.migrate(place)
    async with platform.database.transaction(tenant.scope) as session:
        await session.execute(
            text("UPDATE core.documents SET status = 'processing' WHERE id = :id"),
            {"id": document.id},
        )
    await platform.ingestor.failed(tenant.scope, NotFound("gone"), document.id)
    assert await platform.spaces(tenant, document) == (None, None)
    assert await platform.count(tenant, document, platform.old) == 0
    assert await platform.count(tenant, document, platform.new) == 0
    await platform.documents.delete(tenant, document.id)


async def test_what_can_not_be_done_is_refused_with_what_to_do(
    platform: Platform, tenant: Principal, project: UUID, place: Place
) -> None:
    with pytest.raises(BadRequest, match="No embedder is called `nobody`"):
        await platform.moves.start(place, "nobody")
    for refused in (platform.moves.pause, platform.moves.confirm, platform.moves.roll_back):
        with pytest.raises(NotFound, match="There is no move"):
            await refused(place)
    assert not await platform.moves.start(place, "new")  # there is nothing in it
    await platform.put(tenant, HERON, project)
    assert not await platform.moves.start(place, "default")  # it is there already
    assert await platform.moves.start(place, "new")
    assert await platform.moves.start(place, "new")  # once more is the same move
    with pytest.raises(Conflict, match="Another move"):
        await platform.moves.start(place, "like")
    with pytest.raises(Conflict, match="is running"):
        await platform.moves.confirm(place)
    await platform.work(place)
    with pytest.raises(Conflict, match="done, but not confirmed"):
        await platform.moves.pause(place)
    with pytest.raises(Conflict, match="not confirmed"):
        await platform.moves.start(place, "like")


async def test_nothing_is_moved_to_where_it_may_not_go(
    platform: Platform, tenant: Principal, project: UUID, place: Place
) -> None:
    async def refuse(scope: Scope, project_id: UUID | None) -> None:
        raise ResidencyViolation("not there")

    await platform.put(tenant, HERON, project)
    embedders = Embedders(platform.old, {"new": platform.new}, {"new": refuse})
    with pytest.raises(ResidencyViolation):
        await Moves(platform.database, embedders, Jobs()).start(place, "new")
    assert await platform.moves.start(place, "new")
    strict = Mover(platform.database, embedders, platform.vectors, Jobs())
    with pytest.raises(ResidencyViolation):
        await strict.run(place.scope, project_id=place.project_id)
    assert not platform.new.texts


# --- the database refuses ------------------------------------------------------------------------


async def test_the_database_refuses_vectors_of_a_space_that_the_document_is_not_in(
    platform: Platform, tenant: Principal
) -> None:
    """Of the same dimensions, so that nothing else would."""
    document = await platform.put(tenant, HERON)
    chunks = [chunk_id(document.id, 0)]
    vectors = await platform.like.embed([HERON])
    async with platform.database.transaction(tenant.scope) as session:
        await platform.vectors.prepare(session, platform.like.space)
    with pytest.raises(Forbidden):
        async with platform.database.transaction(tenant.scope) as session:
            await platform.vectors.add(
                session, platform.like.space, tenant.tenant_id, chunks, vectors
            )
    async with platform.database.transaction(tenant.scope) as session:
        query = text("UPDATE core.documents SET other_space = :space WHERE id = :id")
        await session.execute(query, {"space": platform.like.space.id, "id": document.id})
        await platform.vectors.add(session, platform.like.space, tenant.tenant_id, chunks, vectors)
    # Nor may those be renewed that stayed when the document left.
    async with platform.database.transaction(tenant.scope) as session:
        query = text("UPDATE core.documents SET other_space = NULL WHERE id = :id")
        await session.execute(query, {"id": document.id})
    with pytest.raises(Forbidden):
        async with platform.database.transaction(tenant.scope) as session:
            await session.execute(
                text(f"UPDATE core.vectors_{platform.like.space.id} SET embedding = embedding")
            )


async def test_the_database_refuses_vectors_of_other_dimensions(
    platform: Platform, tenant: Principal
) -> None:
    document = await platform.put(tenant, HERON)
    with pytest.raises(DBAPIError, match="expected 256 dimensions"):
        async with platform.database.transaction(tenant.scope) as session:
            await platform.vectors.add(
                session,
                platform.old.space,
                tenant.tenant_id,
                [chunk_id(document.id, 0)],
                await platform.new.embed([HERON]),
            )


async def test_a_move_is_its_tenants_alone(
    platform: Platform, tenant: Principal, stranger: Principal, project: UUID, place: Place
) -> None:
    await platform.put(tenant, HERON, project)
    assert await platform.moves.start(place, "new")
    async with platform.database.transaction(stranger.scope) as session:
        assert await session.scalar(text("SELECT count(*) FROM core.space_moves")) == 0
        for query in (
            "SELECT count(*) FROM core.all_space_moves()",
            "SELECT count(*) FROM core.spaces_in_use(NULL)",
            f"SELECT count(*) FROM core.documents_to_move('{place.tenant_id}', '{project}', '', 9)",
        ):
            assert await session.scalar(text(query)) == 0
    with pytest.raises(Forbidden):
        async with platform.database.transaction(stranger.scope) as session:
            await session.execute(
                text(
                    "INSERT INTO core.space_moves (id, tenant_id, from_space, to_space, state)"
                    " VALUES (gen_random_uuid(), :tenant, 'a', 'b', 'running')"
                ),
                {"tenant": tenant.tenant_id},
            )


# --- searching meanwhile ------------------------------------------------------------------------


async def test_not_one_of_many_searches_fails_while_a_project_moves_and_moves_back(
    platform: Platform,
    tenant: Principal,
    project: UUID,
    place: Place,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(mover, "BATCH", 16)
    monkeypatch.setattr(bm25, "LARGE", 50)  # so that counts are remembered, and get stale
    heron = await platform.put(tenant, HERON, project)
    for number in range(6):
        await platform.put(tenant, long_text(60, f"matter{number}x"), project)
    ending, searches = asyncio.Event(), 0
    failures: list[object] = []

    async def searching() -> None:
        nonlocal searches
        while not ending.is_set():
            try:
                found = await platform.found(tenant, "heron waiting fishes", project)
                searches += 1
                if heron.id not in found[:1]:
                    failures.append(found)
            except Exception as error:
                failures.append(error)

    async def putting_in() -> None:
        number = 0
        while not ending.is_set():
            number += 1
            await platform.put(tenant, long_text(20, f"late{number}x"), project)

    load = [asyncio.create_task(searching()) for _ in range(2)]
    load.append(asyncio.create_task(putting_in()))
    await platform.migrate(place)
    await platform.moves.roll_back(place)
    await platform.work(place)
    await platform.migrate(place)
    await platform.moves.confirm(place)
    await platform.work(place)
    ending.set()
    await asyncio.gather(*load)
    assert not failures
    assert searches > 20
    usage = (await platform.moves.status()).usage
    here = {each.space for each in usage if each.place == place}
    assert here == {platform.new.space.id}


async def test_each_document_is_compared_in_exactly_one_space(
    platform: Platform, tenant: Principal, project: UUID, place: Place
) -> None:
    """Both spaces are asked, and its vectors in the one that it has left are lies."""
    document = await platform.put(tenant, HERON, project)
    await platform.put(tenant, "Something else stays in the old space.")
    await platform.migrate(place, "like")
    query, chunk = "heron fish", chunk_id(document.id, 0)
    (lie,) = await platform.old.embed([query])
    (truth,) = await platform.like.embed([HERON]) @ (await platform.like.embed([query])).T
    async with platform.database.transaction(tenant.scope) as session:
        whose = (session, platform.old.space, tenant.tenant_id)
        await platform.vectors.add(*whose, [chunk], lie[np.newaxis])
        (hit,) = await platform.vectors.search(*whose, lie, limit=1)
        assert (hit.chunk_id, round(hit.cosine, 5)) == (chunk, 1.0)
    line = await platform.searcher._nearest._calibration.line(
        next(each for each in platform.embedders if each.name == "like")
    )
    for chunks in (None, [chunk]):
        assert (await near(platform, tenant, query, 100, chunks))[chunk] == pytest.approx(
            line(truth[0]), abs=1e-4
        )


async def near(
    platform: Platform, who: Principal, query: str, limit: int, chunks: Sequence[UUID] | None = None
) -> Mapping[UUID, float]:
    """The cosines that a search of the whole tenant counts."""
    nearest, scope = platform.searcher._nearest, who.scope
    async with platform.database.transaction(scope) as session:
        corpus = await bm25.corpus(session, who.tenant_id, None)
    senses = await nearest.sense(scope, None, query)
    await nearest.widen(scope, None, senses, corpus)
    async with platform.database.transaction(scope) as session:
        asked = (session, who.tenant_id, senses, corpus, Filter())
        if chunks is not None:
            return await nearest.cosines(*asked, chunks)
        return await nearest.best(*asked, limit=limit)


async def test_a_search_over_projects_in_different_spaces_asks_each_and_fuses_their_scores(
    platform: Platform, database: Database, tenant: Principal, project: UUID, place: Place
) -> None:
    other = await new_project(database, tenant)
    heron = await platform.put(tenant, HERON, project)
    stork = await platform.put(tenant, "The white stork waits for frogs in wet meadows.", other)
    await platform.put(tenant, "The canteen opens at half past eleven.", other)
    await platform.migrate(place)
    platform.old.queries.clear()
    platform.new.queries.clear()
    found = await platform.searcher.search(tenant, "what waits for frogs or fish in water")
    assert {hit.document_id for hit in found[:2]} == {heron.id, stork.id}
    asked = "what waits for frogs or fish in water"
    assert asked in platform.old.queries
    assert asked in platform.new.queries
    # The two speak of the same thing in as many words, so their scores are near.
    assert abs(found[0].score - found[1].score) < 0.25
    platform.old.queries.clear()
    platform.new.queries.clear()
    await platform.found(tenant, "what waits in water", other)  # and one space is asked alone
    await platform.found(tenant, "what waits in water", other)
    assert platform.new.queries == []


async def test_many_vectors_that_are_on_the_way_hide_nobody_who_has_arrived(
    platform: Platform, database: Database, tenant: Principal, project: UUID, place: Place
) -> None:
    """A project is half moved: hundreds of its vectors are in the new space but not searched
    there, and all of them are nearer than those of a project that is there already."""
    arrived = await new_project(database, tenant)
    heron = await platform.put(
        tenant, "A heron, said somebody once upon a time, eats fish.", arrived
    )
    await platform.migrate(replace(place, project_id=arrived))
    many = " ".join(f"Heron fish {n}. " + "heron fish " * 12 for n in range(200))
    await platform.put(tenant, many, project)
    await platform.migrate(place)
    await platform.moves.roll_back(place)  # now they are in both, and searched in the old one
    found = await near(platform, tenant, "heron fish", 100)
    assert chunk_id(heron.id, 0) in found
    assert len(found) == 101


async def test_a_space_without_an_embedder_is_found_by_its_words_and_nothing_fails(
    platform: Platform, tenant: Principal, project: UUID
) -> None:
    document = await platform.put(tenant, HERON, project)
    platform.configure(platform.new)
    assert await platform.found(tenant, "heron fish", project) == [document.id]
    late = await platform.put(tenant, "Herons nest in trees.", project)
    assert set(await platform.found(tenant, "heron", project)) == {document.id, late.id}


async def test_a_remembered_count_does_not_hide_what_moved_and_was_confirmed_at_once(
    platform: Platform,
    tenant: Principal,
    project: UUID,
    place: Place,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bm25, "LARGE", 1)
    document = await platform.put(tenant, HERON, project)
    assert await platform.found(tenant, "heron fish", project) == [document.id]
    await platform.migrate(place)
    await platform.moves.confirm(place)
    await platform.work(place)
    # Not one of its words, so that only the vectors find it.
    assert await platform.found(tenant, "shallowish", project) == [document.id]
    assert platform.new.queries == ["shallowish"]


async def test_a_search_in_one_space_costs_what_it_did(
    platform: Platform, tenant: Principal, project: UUID
) -> None:
    await platform.put(tenant, HERON, project)
    await platform.found(tenant, "heron fish", project)
    platform.old.queries.clear()
    statements: list[str] = []
    from sqlalchemy import event

    engine = platform.database._engine.sync_engine
    listen = lambda *a: statements.append(a[2])  # noqa: E731
    event.listen(engine, "before_cursor_execute", listen)
    try:
        await platform.found(tenant, "heron fish", project)
    finally:
        event.remove(engine, "before_cursor_execute", listen)
    assert platform.old.queries == ["heron fish"]
    # The scope, the corpus, the nearest, the words, the texts.
    assert len(statements) == 5, statements


class Down(Embedder):
    """Of another space, and nobody is there."""

    def __init__(self) -> None:
        super().__init__(64, "down")

    async def embed(
        self, texts: Sequence[str], *, priority: Priority = "bulk"
    ) -> NDArray[np.float32]:
        raise ProviderUnavailable("down")


async def test_an_embedder_that_is_down_matters_only_where_documents_are_in_its_space(
    platform: Platform, tenant: Principal, project: UUID
) -> None:
    document = await platform.put(tenant, "The kettle whistles when water boils.", project)
    platform.configure(Down(), before=platform.old)
    assert await platform.found(tenant, "whistling kettle", project) == [document.id]
    assert platform.old.queries
