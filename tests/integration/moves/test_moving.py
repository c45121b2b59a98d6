"""A project moves to another embedding space."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from baukasten_core.contracts.auth import Principal, Scope
from baukasten_core.db.session import Database
from baukasten_core.db.urls import libpq_url
from baukasten_core.documents.embedders import Embedders
from baukasten_core.documents.indexing import chunk_id
from baukasten_core.documents.mover import Mover
from baukasten_core.documents.moves import Moves, Place
from baukasten_core.errors import BadRequest, Conflict, Forbidden, NotFound, ResidencyViolation
from baukasten_core.jobs import Jobs
from baukasten_core.testing.fixtures_db import DatabaseUrls, create_user
from tests.integration.made import long_text, new_project
from tests.integration.moves.room import HERON, Platform


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


# --- what is refused ----------------------------------------------------------------------------


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
