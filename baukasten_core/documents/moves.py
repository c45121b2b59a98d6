"""Moving to another embedding space: what an operator says, and how far each move is.

A move is `running` until every document has its vectors in both spaces; then all of them are
searched in the new one at once (they flip), and it has `moved`. Confirmed or rolled back, it is
`dropping` the vectors that nobody needs any more, and its row goes; or it is `settled`, and stays
to say where the new documents of its project go. `mover.py` does the work.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from baukasten_core.contracts.auth import Scope
from baukasten_core.db.session import Database
from baukasten_core.documents.embedders import Embedder, Embedders
from baukasten_core.documents.models import SpaceMove
from baukasten_core.errors import BadRequest, Conflict, NotFound
from baukasten_core.jobs import Jobs

MOVE = "documents.move"

# Each of them may touch every document of a project.
LONG = text("SET LOCAL statement_timeout = 0")
USAGE = text("SELECT * FROM core.spaces_in_use(:tenant)")
ALL_MOVES = text("SELECT * FROM core.all_space_moves()")
FLIP = text("SELECT core.flip_space(:tenant, :project, :space, :new)")


@dataclass(frozen=True, slots=True)
class Place:
    """Documents that move together: those of a project, or a tenant's that are in none."""

    tenant_id: UUID
    project_id: UUID | None = None

    @property
    def scope(self) -> Scope:
        """Of the tenant, and of no user: what finds and flips documents sees private ones, too."""
        return Scope(tenant_id=self.tenant_id)

    def __str__(self) -> str:
        if self.project_id is not None:
            return f"project {self.project_id}"
        return f"tenant {self.tenant_id} (documents in no project)"


@dataclass(frozen=True, slots=True)
class Usage:
    """How much of a place is searched in `space`, and how many of these chunks have vectors in
    `other_space`."""

    place: Place
    space: str
    other_space: str | None
    documents: int
    chunks: int
    other_chunks: int


@dataclass(frozen=True, slots=True)
class Move:
    """A move; `done` of `total` chunks have vectors in `to_space`."""

    place: Place
    state: str
    from_space: str
    to_space: str
    back: bool
    error: str | None
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Status:
    """Everything that is in a space, and everything that moves."""

    usage: Sequence[Usage]
    moves: Sequence[Move]


class Moves:
    """What an operator does with moves. The worker does the work."""

    def __init__(self, database: Database, embedders: Embedders, jobs: Jobs) -> None:
        self._database = database
        self.embedders = embedders
        self._jobs = jobs

    async def status(self) -> Status:
        """Of all tenants."""
        async with self._database.transaction() as session:
            usage = await _usage(session)
            rows = (await session.execute(ALL_MOVES)).all()
        return Status(usage, [_move(row, usage) for row in rows])

    async def start(self, place: Place, name: str) -> bool:
        """Move a place to the space of the embedder of this name, or go on with that; answers
        whether there is anything to move.

        Raises:
            BadRequest: no embedder of this name is configured.
            Conflict: another move of it has not come to its end.
            ResidencyViolation: its data may not go where that embedder is.
            ProviderUnavailable: only the embedder's server knows its space, and does not answer.
        """
        embedder = self._named(name)
        target = (await embedder.space()).id
        await embedder.require(place.scope, place.project_id)
        async with self._database.transaction(place.scope) as session:
            move = await _locked(session, place)
            if move is not None and move.state != "settled":
                _refuse_another(place, move, target)
            else:
                away = await self._away(session, place, target)
                if not away:
                    return False
                move = move or _add(session, place)
                move.from_space, move.to_space = away, target
            if move.state != "moved":
                move.state, move.error = "running", None
                await enqueue(self._jobs, session, place)
        return True

    async def pause(self, place: Place) -> None:
        """Stop after the batch that is under way."""
        async with self._database.transaction(place.scope) as session:
            move = await _required(session, place, "running")
            move.state = "paused"

    async def resume(self, place: Place) -> None:
        """Go on after a pause or a failure."""
        async with self._database.transaction(place.scope) as session:
            move = await _required(session, place, "paused", "failed", "running", "dropping")
            if move.state != "dropping":
                move.state = "running"
            move.error = None
            await enqueue(self._jobs, session, place)

    async def roll_back(self, place: Place) -> None:
        """Undo a move that was not confirmed. What has flipped flips back now; what came into the
        new space since follows."""
        async with self._database.transaction(place.scope) as session:
            move = await _required(session, place, "running", "paused", "failed", "moved")
            if move.back:
                raise Conflict(
                    f"The move of {place} is being rolled back already.",
                    hint="`baukasten embeddings resume` goes on where it stopped.",
                )
            if move.flipped:
                move.from_space, move.to_space = move.to_space, move.from_space
                move.state, move.back, move.error = "running", True, None
                await session.flush()
                await flip(session, place, move.to_space, self.pinned(move.to_space))
            else:
                move.state = "dropping"
            await enqueue(self._jobs, session, place)

    async def confirm(self, place: Place) -> None:
        """Give up the vectors in the old space."""
        async with self._database.transaction(place.scope) as session:
            move = await _required(session, place, "moved")
            move.state = "dropping"
            await enqueue(self._jobs, session, place)

    def pinned(self, space: str) -> str | None:
        """What says that new documents go to a space: nothing for the default embedder's."""
        return pinned(self.embedders, space)

    def _named(self, name: str) -> Embedder:
        embedder = self.embedders.named(name)
        if embedder is None:
            known = ", ".join(f"`{each.name}`" for each in self.embedders)
            raise BadRequest(
                f"No embedder is called `{name}`; configured: {known}.",
                hint="Name it in the setting `embedding.more`, and start the platform with that.",
            )
        return embedder

    async def _away(self, session: AsyncSession, place: Place, target: str) -> str | None:
        """The space that most of the place's chunks outside of the target are in."""
        chunks: Counter[str] = Counter()
        for usage in await _usage(session, place.tenant_id):
            if usage.place == place and usage.space != target:
                chunks[usage.space] += usage.chunks
        return max(chunks, key=lambda space: chunks[space], default=None)


async def enqueue(jobs: Jobs, session: AsyncSession, place: Place) -> None:
    """Have the worker go on with a place's move; one job after the other."""
    ids: dict[str, Any] = {"project_id": place.project_id} if place.project_id else {}
    lock = f"{MOVE}:{place.tenant_id}:{place.project_id}"
    await jobs.enqueue(session, place.scope, MOVE, lock=lock, **ids)


async def flip(session: AsyncSession, place: Place, space: str, new: str | None) -> None:
    """Search what has all of its vectors in a space there from now on."""
    await session.execute(LONG)
    values = {"tenant": place.tenant_id, "project": place.project_id, "space": space, "new": new}
    await session.execute(FLIP, values)


def pinned(embedders: Embedders, space: str) -> str | None:
    """See `Moves.pinned`."""
    default = embedders.default.known_space
    return None if default is not None and default.id == space else space


async def _usage(session: AsyncSession, tenant_id: UUID | None = None) -> list[Usage]:
    await session.execute(LONG)
    rows = await session.execute(USAGE, {"tenant": tenant_id})
    return [
        Usage(
            Place(row.tenant_id, row.project_id),
            *(row.space, row.other_space),
            *(row.documents, row.chunks, row.other_chunks),
        )
        for row in rows
    ]


def _move(row: Any, usage: Sequence[Usage]) -> Move:
    place = Place(row.tenant_id, row.project_id)
    here = [each for each in usage if each.place == place]
    moved = sum(each.chunks for each in here if each.space == row.to_space)
    both = sum(each.other_chunks for each in here if each.other_space == row.to_space)
    total = sum(each.chunks for each in here)
    spaces = (row.from_space, row.to_space)
    return Move(place, row.state, *spaces, row.back, row.error, moved + both, total)


def _query(place: Place) -> Any:
    return select(SpaceMove).where(
        SpaceMove.tenant_id == place.tenant_id,
        SpaceMove.project_id.is_not_distinct_from(place.project_id),
    )


async def find(session: AsyncSession, place: Place) -> SpaceMove | None:
    """The place's move."""
    return (await session.scalars(_query(place))).one_or_none()


async def _locked(session: AsyncSession, place: Place) -> SpaceMove | None:
    return (await session.scalars(_query(place).with_for_update())).one_or_none()


async def _required(session: AsyncSession, place: Place, *states: str) -> SpaceMove:
    move = await _locked(session, place)
    if move is None or move.state == "settled":
        raise NotFound(
            f"There is no move of {place}.",
            hint="`baukasten embeddings status` lists all moves, `migrate` begins one.",
        )
    if move.state not in states:
        raise Conflict(
            f"The move of {place} is {SAID[move.state]}.",
            hint=f"This can be done while it is {' or '.join(SAID[state] for state in states)}.",
        )
    return move


SAID = {
    "running": "running",
    "paused": "paused",
    "failed": "stopped by an error",
    "moved": "done, but not confirmed",
    "dropping": "about to drop the vectors that are not needed any more",
}


def _refuse_another(place: Place, move: SpaceMove, target: str) -> None:
    if move.to_space != target or move.back or move.state == "dropping":
        raise Conflict(
            f"Another move of {place} is {SAID[move.state]}.",
            hint="Confirm it or roll it back first; `baukasten embeddings status` tells more.",
        )


def _add(session: AsyncSession, place: Place) -> SpaceMove:
    move = SpaceMove(tenant_id=place.tenant_id, project_id=place.project_id)
    session.add(move)
    return move
