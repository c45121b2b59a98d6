"""The job that moves documents to another embedding space while they go on being searched.

A batch is a transaction of its own, and what is written down with it (`other_count`) says where the
next one begins: a worker that dies is followed by one that goes on. The job does some seconds' work
and queues itself again, so that others have their turn.
"""

# ruff: noqa: S608  (what is put into statements is a condition of ours)

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncSession

from baukasten_core.contracts.auth import Scope
from baukasten_core.contracts.embedding import EmbeddingSpace
from baukasten_core.contracts.storage import VectorStore
from baukasten_core.db.session import Database
from baukasten_core.documents.access import Guard
from baukasten_core.documents.embedders import Embedder, Embedders
from baukasten_core.documents.ingest import TransformOf, sentence
from baukasten_core.documents.models import SpaceMove
from baukasten_core.documents.moves import LONG, MOVE, Place, enqueue, find, flip, pinned
from baukasten_core.documents.pieces import title_of, under
from baukasten_core.errors import ProviderUnavailable, Unavailable
from baukasten_core.jobs import Handler, Jobs

BATCH = 128
"""Chunks that are embedded and written together."""

DROPPED = 500
"""Documents whose other vectors are dropped together."""

TURN_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class _Batch:
    """Chunks of one owner's documents: what is private is read and written as its owner's."""

    scope: Scope
    rows: Sequence[Row[Any]]


class Mover:
    """Does what `Moves` says. `run` and `failed` are the handlers of its job.

    Args:
        guard: refuses what may not be kept where the vector store is; the embedder has its own.
        turn_seconds: how long a job works before others have their turn.
    """

    def __init__(
        self,
        database: Database,
        embedders: Embedders,
        vectors: VectorStore,
        jobs: Jobs,
        *,
        transform_of: TransformOf = lambda _: None,
        guard: Guard | None = None,
        turn_seconds: float = TURN_SECONDS,
    ) -> None:
        self._database = database
        self._embedders = embedders
        self._vectors = vectors
        self._jobs = jobs
        self._transform_of = transform_of
        self._guard = guard
        self._turn_seconds = turn_seconds

    def handlers(self) -> Mapping[str, Handler]:
        """The background work of moves."""
        return {MOVE: Handler(self.run, self.failed)}

    async def run(self, scope: Scope, project_id: UUID | None = None) -> None:
        """Go on with a place's move. Idempotent; one that is paused or gone is left alone."""
        assert scope.tenant_id is not None
        place = Place(scope.tenant_id, project_id)
        end = time.monotonic() + self._turn_seconds
        while await self._step(place):
            if time.monotonic() >= end:
                async with self._database.transaction(place.scope) as session:
                    await enqueue(self._jobs, session, place)
                return

    async def failed(self, scope: Scope, error: Exception, project_id: UUID | None = None) -> None:
        """Say on the move why it stopped; `resume` goes on."""
        assert scope.tenant_id is not None
        async with self._database.transaction(scope) as session:
            move = await find(session, Place(scope.tenant_id, project_id))
            if move is not None:
                move.error = sentence(error)
                move.state = "failed" if move.state == "running" else move.state

    async def _step(self, place: Place) -> bool:
        """Do a batch; answers whether there is more to do."""
        async with self._database.transaction(place.scope) as session:
            move = await find(session, place)
        if move is not None and move.state == "running":
            return await self._move(place, move)
        if move is not None and move.state == "dropping":
            return await self._drop(place)
        return False

    # --- moving ---------------------------------------------------------------------------------

    async def _move(self, place: Place, move: SpaceMove) -> bool:
        batch = await self._next(place, move.to_space)
        if batch is None:
            return await self._flip(place, move)
        embedder = await self._embedder(move.to_space)
        if self._guard is not None:
            await self._guard(place.scope, place.project_id)
        titled = not await self._is_transformed(place)
        texts = [
            under(title_of(row.title, row.filename) if titled else "", row.text)
            for row in batch.rows
        ]
        vectors = await embedder.embed(batch.scope, place.project_id, texts)
        space = await embedder.space()
        async with self._database.transaction(place.scope) as session:
            await self._vectors.prepare(session, space)
        async with self._database.transaction(batch.scope) as session:
            if await session.scalar(GOES_ON, _of(place) | {"space": space.id}):
                await self._write(session, place, space, batch, vectors)
        return True

    async def _embedder(self, space: str) -> Embedder:
        embedder = await self._embedders.by_space(space)
        if embedder is None:
            raise ProviderUnavailable(
                f"No embedder is configured for the embedding space {space}.",
                hint="Name it in the setting `embedding.more`.",
            )
        return embedder

    async def _is_transformed(self, place: Place) -> bool:
        """Then its passages are embedded without their titles, as when they were put in."""
        if place.project_id is None:
            return False
        async with self._database.transaction(place.scope) as session:
            type_ = await session.scalar(TYPE, {"id": place.project_id})
        return type_ is not None and self._transform_of(type_) is not None

    async def _next(self, place: Place, space: str) -> _Batch | None:
        values = _of(place) | {"space": space, "limit": BATCH}
        async with self._database.transaction(place.scope) as session:
            await session.execute(LONG)
            documents = (await session.execute(TO_MOVE, values)).all()
        if not documents:
            return None
        owner = documents[0].user_id
        scope = Scope(user_id=owner, tenant_id=place.tenant_id)
        values["ids"] = [document.id for document in documents if document.user_id == owner]
        async with self._database.transaction(scope) as session:
            rows = (await session.execute(CHUNKS, values)).all()
        if not rows:
            raise Unavailable("The documents to move have changed meanwhile.")
        return _Batch(scope, rows)

    async def _write(
        self,
        session: AsyncSession,
        place: Place,
        space: EmbeddingSpace,
        batch: _Batch,
        vectors: Any,
    ) -> None:
        """All or nothing, except for documents that were changed while this was embedded."""
        read = {row.document_id: row for row in batch.rows}
        locked = (await session.execute(LOCK, {"ids": list(read)})).all()
        same = {now.id for now in locked if _is_same(now, read[now.id])}
        for now in locked:
            if now.id in same and now.other_space not in (None, space.id):
                await self._vectors.remove(
                    session, place.tenant_id, [now.id], space=now.other_space
                )
        counts = Counter(row.document_id for row in batch.rows if row.document_id in same)
        for document_id, count in counts.items():
            done = read[document_id].begin + count
            values = {"id": document_id, "space": space.id, "count": done}
            # Before the vectors: the database refuses those of a space that is not named here.
            await session.execute(SET_OTHER, values)
        kept = [index for index, row in enumerate(batch.rows) if row.document_id in same]
        if kept:
            ids = [batch.rows[index].id for index in kept]
            await self._vectors.add(session, space, place.tenant_id, ids, vectors[kept])

    async def _flip(self, place: Place, move: SpaceMove) -> bool:
        """Answers whether there is more to do: documents may have come meanwhile."""
        new = pinned(self._embedders, move.to_space)
        values = _of(place) | {"space": move.to_space}
        async with self._database.transaction(place.scope) as session:
            if not await session.scalar(GOES_ON, values):
                return False
            await flip(session, place, move.to_space, new)
            if (await session.execute(TO_MOVE, values | {"limit": 1})).first():
                return True
            # What was rolled back leaves nothing behind; what has moved waits to be confirmed.
            state = "dropping" if move.back else "moved"
            await session.execute(SET_STATE, values | {"state": state})
        return move.back

    # --- dropping -------------------------------------------------------------------------------

    async def _drop(self, place: Place) -> bool:
        values = _of(place) | {"limit": DROPPED}
        async with self._database.transaction(place.scope) as session:
            await session.execute(LONG)
            documents = (await session.execute(IN_TWO, values)).all()
            if not documents:
                await session.execute(FORGET, values)
                await session.execute(SETTLE, values)
                return False
        owned: dict[UUID, list[UUID]] = defaultdict(list)
        for document in documents:
            owned[document.user_id].append(document.id)
        for owner, ids in owned.items():
            await self._drop_of(Scope(user_id=owner, tenant_id=place.tenant_id), ids)
        return True

    async def _drop_of(self, scope: Scope, ids: Sequence[UUID]) -> None:
        assert scope.tenant_id is not None
        async with self._database.transaction(scope) as session:
            by_space: dict[str, list[UUID]] = defaultdict(list)
            for row in await session.execute(LOCK, {"ids": list(ids)}):
                if row.other_space is not None:
                    by_space[row.other_space].append(row.id)
            for space, documents in by_space.items():
                await self._vectors.remove(session, scope.tenant_id, documents, space=space)
            await session.execute(CLEAR_OTHER, {"ids": list(ids)})


def _of(place: Place) -> dict[str, Any]:
    return {"tenant": place.tenant_id, "project": place.project_id}


def _is_same(now: Any, read: Any) -> bool:
    """Whether a document is still what was read of it."""
    return (now.updated_at, now.other_space, now.other_count) == (
        read.updated_at,
        read.other_space,
        read.other_count,
    )


_MOVE = "tenant_id = :tenant AND project_id IS NOT DISTINCT FROM CAST(:project AS uuid)"
# Held until the batch is written: who pauses a move knows that nothing comes any more.
GOES_ON = text(
    f"SELECT 1 FROM core.space_moves WHERE {_MOVE} AND state = 'running' AND to_space = :space"
    " FOR UPDATE"
)
SET_STATE = text(f"UPDATE core.space_moves SET state = :state WHERE {_MOVE}")
FORGET = text(
    f"DELETE FROM core.space_moves WHERE {_MOVE} AND space IS NULL AND state = 'dropping'"
)
SETTLE = text(
    "UPDATE core.space_moves SET state = 'settled', to_space = space, flipped = false,"
    f" back = false, error = NULL WHERE {_MOVE} AND state = 'dropping'"
)
TYPE = text("SELECT type FROM core.projects WHERE id = :id")
TO_MOVE = text("SELECT * FROM core.documents_to_move(:tenant, :project, :space, :limit)")
IN_TWO = text("SELECT * FROM core.documents_in_two_spaces(:tenant, :project, :limit)")
CHUNKS = text(
    "SELECT c.id, c.document_id, c.text, d.title, d.filename, d.other_space, d.other_count,"
    " d.updated_at, s.begin FROM core.documents d CROSS JOIN LATERAL"
    " (SELECT CASE WHEN d.other_space = :space THEN d.other_count ELSE 0 END AS begin) AS s"
    " JOIN core.chunks c ON c.tenant_id = d.tenant_id AND c.document_id = d.id"
    " AND c.ordinal >= s.begin"
    " WHERE d.id = ANY(CAST(:ids AS uuid[])) AND d.status = 'ready'"
    " ORDER BY d.id, c.ordinal LIMIT :limit"
)
LOCK = text(
    "SELECT id, other_space, other_count, updated_at FROM core.documents"
    " WHERE id = ANY(CAST(:ids AS uuid[])) AND (status = 'ready' OR other_space IS NOT NULL)"
    " ORDER BY id FOR UPDATE"
)
SET_OTHER = text(
    "UPDATE core.documents SET other_space = :space, other_count = :count WHERE id = :id"
)
CLEAR_OTHER = text(
    "UPDATE core.documents SET other_space = NULL, other_count = 0"
    " WHERE id = ANY(CAST(:ids AS uuid[]))"
)
