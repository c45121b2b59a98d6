"""The passages that are nearest in meaning, in whichever spaces their documents are.

A query is embedded for each space and compared within it alone. While documents move they have
vectors in two; a hit counts only in the space in which its document is searched.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from baukasten_core.contracts.auth import Scope
from baukasten_core.contracts.embedding import EmbeddingSpace
from baukasten_core.contracts.storage import VectorHit, VectorStore
from baukasten_core.documents.bm25 import Corpus
from baukasten_core.documents.calibration import Calibration, Line
from baukasten_core.documents.embedders import Embedder, Embedders
from baukasten_core.errors import BaukastenError, ProviderError, ResidencyViolation

MOST_KEPT = 1_000
WIDEST = 3_000
"""Passages that are asked for at most because many of the first are searched elsewhere."""

Ask = Callable[[int], Awaitable[Sequence[VectorHit]]]


class Moved(Exception):
    """Documents are in another space than those that were asked: ask anew."""


@dataclass(frozen=True, slots=True)
class Filter:
    """What is searched of a tenant."""

    project_id: UUID | None = None
    documents: Sequence[UUID] | None = None


@dataclass(frozen=True, slots=True)
class _Sense:
    space: EmbeddingSpace
    vector: NDArray[np.float32]
    embedder: Embedder


@dataclass(slots=True)
class Senses:
    """A query in each space that it was embedded for, and, where several are searched, what takes
    the cosines of each to one scale. `error`: why it could not be embedded as was guessed."""

    text: str
    of: dict[str, _Sense] = field(default_factory=dict)
    lines: dict[str, Line] = field(default_factory=dict)
    error: BaukastenError | None = None


class Nearest:
    """Embeds queries and finds what is nearest to them."""

    def __init__(self, embedders: Embedders, vectors: VectorStore) -> None:
        self._embedders = embedders
        self._vectors = vectors
        self._calibration = Calibration(embedders)
        self._likely: dict[tuple[UUID | None, UUID | None], frozenset[str]] = {}

    # --- before the transaction: nobody waits for a model while holding a connection --------

    async def sense(self, scope: Scope, project_id: UUID | None, text: str) -> Senses:
        """The query in the spaces that were searched there the last time. Only a guess: where it
        can't be asked, `widen` asks what the documents are in."""
        senses = Senses(text)
        likely = self._likely.get((scope.tenant_id, project_id), frozenset())
        try:
            embedders = await self._of(likely) or [self._embedders.default]
            await self._embed(scope, project_id, senses, embedders)
            await self._calibrate(senses, likely)
        except (ProviderError, ResidencyViolation) as error:
            self._likely.pop((scope.tenant_id, project_id), None)
            return Senses(text, error=error)
        return senses

    async def widen(
        self, scope: Scope, project_id: UUID | None, senses: Senses, corpus: Corpus
    ) -> None:
        """The query in every space of the corpus."""
        missing = await self._of(corpus.spaces - senses.of.keys())
        await self._embed(scope, project_id, senses, missing)
        await self._calibrate(senses, corpus.spaces)

    def lacks(self, senses: Senses, corpus: Corpus) -> bool:
        """Whether `widen` would add something."""
        uncalibrated = corpus.spaces & senses.of.keys() - senses.lines.keys()
        unasked = corpus.spaces - senses.of.keys()
        return any(map(self._embedders.may_have, unasked)) or (
            len(corpus.spaces) > 1 and bool(uncalibrated)
        )

    def remember(self, scope: Scope, project_id: UUID | None, corpus: Corpus) -> None:
        """Embed for these spaces the next time."""
        if len(self._likely) >= MOST_KEPT:
            self._likely.clear()
        self._likely[scope.tenant_id, project_id] = corpus.spaces

    async def _of(self, spaces: Iterable[str]) -> Sequence[Embedder]:
        found = [await self._embedders.by_space(space) for space in sorted(spaces)]
        return [embedder for embedder in found if embedder is not None]

    async def _embed(
        self, scope: Scope, project_id: UUID | None, senses: Senses, embedders: Sequence[Embedder]
    ) -> None:
        asked = (
            embedder.embed(scope, project_id, [senses.text], priority="query")
            for embedder in embedders
        )
        for embedder, vectors in zip(embedders, await asyncio.gather(*asked), strict=True):
            space = await embedder.space()
            senses.of[space.id] = _Sense(space, vectors[0], embedder)

    async def _calibrate(self, senses: Senses, spaces: Set[str]) -> None:
        if len(spaces) > 1:
            for space in spaces & senses.of.keys():
                senses.lines[space] = await self._calibration.line(senses.of[space].embedder)

    # --- in it ------------------------------------------------------------------------------

    async def best(
        self,
        session: AsyncSession,
        tenant_id: UUID,
        senses: Senses,
        corpus: Corpus,
        within: Filter,
        *,
        limit: int,
    ) -> dict[UUID, float]:
        """The cosines of the nearest passages of each space. Raises `Moved`.

        Of documents that are all in one space, nothing more is asked than the store: it may name
        passages that are gone by now, or are not the caller's.
        """
        cosines: dict[UUID, float] = {}
        seen: dict[UUID, str] = {}
        for sense in self._searched(senses, corpus):

            async def ask(count: int, sense: _Sense = sense) -> Sequence[VectorHit]:
                return await self._ask(session, tenant_id, sense, within, count, size=corpus.chunks)

            if len(corpus.spaces) == 1:
                hits = await ask(limit)
            else:
                hits = await _current(session, ask, sense.space.id, corpus, limit, seen)
            cosines |= _scaled(hits, senses.lines.get(sense.space.id), corpus)
        return cosines

    async def cosines(
        self,
        session: AsyncSession,
        tenant_id: UUID,
        senses: Senses,
        corpus: Corpus,
        within: Filter,
        chunks: Sequence[UUID],
    ) -> dict[UUID, float]:
        """The cosines of these chunks, each in its document's own space. Raises `Moved`."""
        cosines: dict[UUID, float] = {}
        spaces = self._searched(senses, corpus)
        for sense in spaces:
            hits = await self._ask(session, tenant_id, sense, within, len(chunks), chunk_ids=chunks)
            if len(corpus.spaces) > 1:
                found = await _spaces(session, hits)
                hits = [hit for hit in hits if _is_current(hit, found, sense.space.id, corpus)]
            cosines |= _scaled(hits, senses.lines.get(sense.space.id), corpus)
        return cosines

    def missed(
        self, near: Mapping[UUID, float], senses: Senses, corpus: Corpus, within: Filter
    ) -> bool:
        """Whether nothing was found where a remembered corpus says that there is something: its
        vectors may have gone, after a move that was confirmed at once."""
        looked = bool(self._searched(senses, corpus)) and within.documents is None
        return looked and not near

    def _searched(self, senses: Senses, corpus: Corpus) -> Sequence[_Sense]:
        return [senses.of[space] for space in sorted(corpus.spaces) if space in senses.of]

    async def _ask(
        self,
        session: AsyncSession,
        tenant_id: UUID,
        sense: _Sense,
        within: Filter,
        limit: int,
        *,
        chunk_ids: Sequence[UUID] | None = None,
        size: int | None = None,
    ) -> Sequence[VectorHit]:
        return await self._vectors.search(
            session,
            sense.space,
            tenant_id,
            sense.vector,
            limit=limit,
            project_id=within.project_id,
            document_ids=within.documents,
            chunk_ids=chunk_ids,
            size=size,
        )


def _scaled(hits: Sequence[VectorHit], line: Line | None, corpus: Corpus) -> Mapping[UUID, float]:
    """Cosines by chunk; among those of other models, on the default one's scale."""
    if line is None or len(corpus.spaces) < 2:
        return {hit.chunk_id: hit.cosine for hit in hits}
    return {hit.chunk_id: line(hit.cosine) for hit in hits}


async def _current(
    session: AsyncSession, ask: Ask, space: str, corpus: Corpus, limit: int, seen: dict[UUID, str]
) -> Sequence[VectorHit]:
    """The nearest of those that are searched in this space. Where others were nearer, which have
    vectors here because they are being moved, more are asked for. `seen` says in which space each
    chunk is: one that is in another by now would be missed in both."""
    count = limit
    while True:
        hits = await ask(count)
        spaces = await _spaces(session, hits)
        if any(seen.setdefault(chunk, its) != its for chunk, its in spaces.items()):
            raise Moved
        current = [hit for hit in hits if _is_current(hit, spaces, space, corpus)]
        if len(current) >= limit or len(hits) < count or count >= WIDEST:
            return current[:limit]
        count = min(count * 4, WIDEST)


def _is_current(hit: VectorHit, spaces: Mapping[UUID, str], space: str, corpus: Corpus) -> bool:
    """Raises `Moved` if its document is where nobody has looked."""
    found = spaces.get(hit.chunk_id)
    if found is not None and found not in corpus.spaces:
        raise Moved
    return found == space


SPACES = text(
    "SELECT c.id, d.space FROM core.chunks c JOIN core.documents d"
    " ON d.tenant_id = c.tenant_id AND d.id = c.document_id"
    " WHERE c.id = ANY(CAST(:ids AS uuid[]))"
)


async def _spaces(session: AsyncSession, hits: Iterable[VectorHit]) -> dict[UUID, str]:
    """In which space each chunk is searched. A store outside PostgreSQL may name chunks that are
    gone, or are not the caller's: here they fall out."""
    rows = await session.execute(SPACES, {"ids": [hit.chunk_id for hit in hits]})
    return {row.id: row.space for row in rows}
