"""Whatever users put in, delete and search, nobody ever sees a part of somebody else's document:
with no filter but the database's own, on one connection that all of them share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from uuid import UUID

import psycopg
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from baukasten_core.contracts.auth import Principal
from baukasten_core.db.session import Database
from baukasten_core.db.urls import libpq_url
from baukasten_core.documents.embedders import Embedders
from baukasten_core.documents.extract import Extractor
from baukasten_core.documents.fetch import Fetcher
from baukasten_core.documents.ingest import Ingestor
from baukasten_core.documents.search import Searcher
from baukasten_core.documents.service import Documents
from baukasten_core.errors import BaukastenError
from baukasten_core.jobs import Jobs
from baukasten_core.providers.storage.pgvector_store import PgVectorConfig, PgVectorStore
from baukasten_core.testing.fakes import FakeEmbedder, MemoryBlobStore
from baukasten_core.testing.fixtures_db import DatabaseUrls, create_user

PEOPLE = 4  # 0 and 1 share a tenant, 2 and 3 have one each
ACTIONS = st.lists(
    st.tuples(
        st.integers(0, PEOPLE - 1),
        st.sampled_from(["share", "keep private", "delete own", "delete any", "search"]),
        st.integers(0, 5),
    ),
    min_size=4,
    max_size=14,
)
TABLES = {
    "documents": "SELECT id FROM core.documents",
    "chunks": "SELECT document_id FROM core.chunks",
    "postings": "SELECT document_id FROM core.postings",
    "vectors": f"SELECT document_id FROM core.vectors_{FakeEmbedder().space.id}",
}


@dataclass
class World:
    """The real thing, on a single connection."""

    urls: DatabaseUrls
    database: Database
    documents: Documents
    ingestor: Ingestor
    searcher: Searcher


@dataclass
class Story:
    """What one example has done so far: whose document is whose, and which are private."""

    people: list[Principal]
    owners: dict[UUID, int] = field(default_factory=dict)
    private: set[UUID] = field(default_factory=set)

    def visible(self, who: int) -> set[UUID]:
        tenant = self.people[who].tenant_id
        return {
            key
            for key, owner in self.owners.items()
            if self.people[owner].tenant_id == tenant and (key not in self.private or owner == who)
        }


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def world(database_urls: DatabaseUrls) -> AsyncIterator[World]:
    database = Database(database_urls.app, pool_size=1)
    embedders, vectors = Embedders(FakeEmbedder()), PgVectorStore(PgVectorConfig())
    async with Extractor() as extractor:
        ingestor = Ingestor(database, MemoryBlobStore(), embedders, vectors, extractor, Jobs())
        documents = Documents(
            database, MemoryBlobStore(), vectors, Jobs(), extractor, Fetcher(), ingestor
        )
        searcher = Searcher(database, embedders, vectors)
        yield World(database_urls, database, documents, ingestor, searcher)
    await database.close()


def people(urls: DatabaseUrls) -> list[Principal]:
    first, second, third, fourth = (create_user(urls) for _ in range(PEOPLE))
    with psycopg.connect(libpq_url(urls.owner)) as connection:
        connection.execute(
            "INSERT INTO core.memberships (tenant_id, user_id, role) VALUES (%s, %s, 'member')",
            [first.tenant_id, second.user_id],
        )
    return [first, replace(second, tenant_id=first.tenant_id, role="member"), third, fourth]


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(actions=ACTIONS)
async def test_nobody_sees_what_is_not_theirs(
    world: World, actions: list[tuple[int, str, int]]
) -> None:
    story = Story(people(world.urls))
    await put(world, story, 0, private=False, number=0)
    for who, action, number in actions:
        await act(world, story, who, action, number)
        for person in range(PEOPLE):
            await check(world, story, person)


async def act(world: World, story: Story, who: int, action: str, number: int) -> None:
    if action in ("share", "keep private"):
        await put(world, story, who, private=action == "keep private", number=number)
    elif action == "search":
        hits = await world.searcher.search(story.people[who], f"badger number{number}", limit=50)
        assert {hit.document_id for hit in hits} <= story.visible(who)
    else:
        await remove(world, story, who, own=action == "delete own", number=number)


async def put(world: World, story: Story, who: int, *, private: bool, number: int) -> None:
    person, content = story.people[who], f"A badger, number{number}, digs by night."
    try:
        document = await world.documents.add_text(person, content, private=private)
    except BaukastenError:
        return  # the same content is there already
    await world.ingestor.run(person.scope, document.id)
    story.owners[document.id] = who
    if private:
        story.private.add(document.id)


async def remove(world: World, story: Story, who: int, *, own: bool, number: int) -> None:
    keys = sorted(key for key, owner in story.owners.items() if not own or owner == who)
    if not keys:
        return
    key = keys[number % len(keys)]
    allowed = key in story.visible(who) and (story.owners[key] == who or who != 1)
    try:
        await world.documents.delete(story.people[who], key)
    except BaukastenError:
        assert not allowed
    else:
        assert allowed
        del story.owners[key]


async def check(world: World, story: Story, who: int) -> None:
    """Every table, asked without any condition, answers with exactly what is theirs."""
    async with world.database.transaction(story.people[who].scope) as session:
        for table, query in TABLES.items():
            seen = set((await session.scalars(text(query))).all())
            assert seen == story.visible(who), table


async def test_without_a_scope_there_is_nothing(world: World) -> None:
    story = Story(people(world.urls))
    await put(world, story, 0, private=False, number=1)
    async with world.database.transaction() as session:
        for table, query in TABLES.items():
            assert (await session.scalars(text(query))).all() == [], table
