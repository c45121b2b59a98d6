"""Moves that are paused, die, fail and go on; moves that are confirmed and rolled back."""

from __future__ import annotations

import asyncio
from itertools import count
from uuid import UUID

import pytest
from sqlalchemy import text

from baukasten_core.contracts.auth import Principal
from baukasten_core.documents import mover
from baukasten_core.documents.moves import Place
from baukasten_core.errors import NotFound, ProviderUnavailable
from baukasten_core.jobs import Jobs
from tests.integration.made import long_text
from tests.integration.moves.room import HERON, Platform


class Killed(BaseException):
    """What ends a worker, not its job."""


def pause_in_call(number: int, platform: Platform, place: Place) -> None:
    """Pause the move while the new embedder has its so manieth batch from now on."""
    calls = count(1)
    platform.new.before = lambda: (
        asyncio.ensure_future(platform.moves.pause(place)) if next(calls) == number else None
    )


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
    pause_in_call(2, platform, place)
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
    pause_in_call(1, platform, place)
    await platform.work(place)
    await platform.moves.resume(place)
    pause_in_call(3, platform, place)
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
