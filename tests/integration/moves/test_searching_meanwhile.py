"""A project goes on being searched while it moves."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from uuid import UUID

import numpy as np
import pytest
from numpy.typing import NDArray
from sqlalchemy import event

from baukasten_core.contracts.auth import Principal
from baukasten_core.contracts.embedding import Priority
from baukasten_core.db.session import Database
from baukasten_core.documents import bm25, mover
from baukasten_core.documents.indexing import chunk_id
from baukasten_core.documents.moves import Place
from baukasten_core.documents.nearest import Filter
from baukasten_core.errors import ProviderUnavailable
from tests.integration.made import long_text, new_project
from tests.integration.moves.room import HERON, Embedder, Platform


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
