"""Search: the nearest passages in meaning and the best by their words, read once more letter by
letter, in one calibrated list."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from baukasten_core.contracts.auth import Principal, Scope
from baukasten_core.contracts.reranking import Reranker
from baukasten_core.contracts.retrieval import Passage
from baukasten_core.contracts.storage import VectorStore
from baukasten_core.db.session import Database
from baukasten_core.documents import bm25
from baukasten_core.documents.access import Guard, require_project, within_project
from baukasten_core.documents.bm25 import Corpus, Key
from baukasten_core.documents.closeness import closeness
from baukasten_core.documents.embedders import Embedders
from baukasten_core.documents.indexing import chunk_id
from baukasten_core.documents.models import Document
from baukasten_core.documents.nearest import Filter, Moved, Nearest, Senses
from baukasten_core.documents.scoring import Scoring
from baukasten_core.documents.terms import variants
from baukasten_core.documents.text import normalize
from baukasten_core.errors import BadRequest, Unavailable

SHORTEST_QUERY = 3
CANDIDATES = 60
"""Passages that each of the two ways brings before they are put together."""

READ_CLOSELY = 40
RERANKED = 40
PASSAGES_A_DOCUMENT = 3

DEFAULT = Scoring()

LOOKS = 4
"""How often is looked at most, where documents move to another space meanwhile."""

Signs = tuple[float, float]
"""Cosine, and share of the query's words."""


@dataclass(frozen=True, slots=True)
class DocumentHit:
    """A document with the passages that matched, best first; `score` is the best one's."""

    document: Document
    score: float
    passages: Sequence[Passage]


@dataclass(frozen=True, slots=True)
class _Query:
    """`whole`: the documents are wanted, too, not their passages alone."""

    text: str
    limit: int
    within: Filter
    language: str | None
    whole: bool

    @property
    def project_id(self) -> UUID | None:
        return self.within.project_id

    @property
    def candidates(self) -> int:
        return max(CANDIDATES, self.limit * PASSAGES_A_DOCUMENT)

    @property
    def read_closely(self) -> int:
        return max(READ_CLOSELY, self.limit * PASSAGES_A_DOCUMENT if self.whole else self.limit)


@dataclass(frozen=True, slots=True)
class _Found:
    """Passages, best first, and those of their documents that are wanted."""

    passages: Sequence[Passage] = ()
    documents: Mapping[UUID, Document] = field(default_factory=dict)


class Searcher:
    """Searches what a principal may see.

    Args:
        guard: refuses before a query or a passage is sent where its tenant's data must not go;
            each embedder has one of its own.
        reranker: reads the best passages once more; its relevance is the score then.
        scoring: what each sign counts.
    """

    def __init__(
        self,
        database: Database,
        embedders: Embedders,
        vectors: VectorStore,
        *,
        guard: Guard | None = None,
        reranker: Reranker | None = None,
        scoring: Scoring = DEFAULT,
    ) -> None:
        self._database = database
        self._nearest = Nearest(embedders, vectors)
        self._guard = guard
        self._reranker = reranker
        self._scoring = scoring
        self._corpora = bm25.Corpora()

    async def search(
        self,
        principal: Principal,
        query: str,
        *,
        project_id: UUID | None = None,
        limit: int = 5,
        documents: Sequence[UUID] | None = None,
        language: str | None = None,
    ) -> list[Passage]:
        """The best passages, of a project, of some documents, or of the whole tenant.

        Args:
            language: of the query, as ISO 639-1; by default, words count in every language of
                the documents.

        Raises:
            BadRequest: the query has fewer than three characters.
            ProviderUnavailable: an embedder is loading or down.
            ResidencyViolation: the data may not go where an embedder or the reranker is.
        """
        found = await self._search(
            principal, query, limit, project_id, documents, language, whole=False
        )
        return list(found.passages[:limit])

    async def search_documents(
        self,
        principal: Principal,
        query: str,
        *,
        project_id: UUID | None = None,
        limit: int = 5,
        documents: Sequence[UUID] | None = None,
        language: str | None = None,
    ) -> list[DocumentHit]:
        """The best documents; raises what `search` raises."""
        found = await self._search(
            principal, query, limit, project_id, documents, language, whole=True
        )
        hits = (
            DocumentHit(found.documents[key], passages[0].score, passages[:PASSAGES_A_DOCUMENT])
            for key, passages in _by_document(found.passages).items()
            if key in found.documents
        )
        return list(islice(hits, limit))

    async def _search(
        self,
        principal: Principal,
        query: str,
        limit: int,
        project_id: UUID | None,
        documents: Sequence[UUID] | None,
        language: str | None,
        *,
        whole: bool,
    ) -> _Found:
        wanted = normalize(query).strip()
        if len(wanted) < SHORTEST_QUERY:
            raise BadRequest(f"The query needs {SHORTEST_QUERY} or more characters.")
        project_id = within_project(principal, project_id)
        if self._guard is not None:
            await self._guard(principal.scope, project_id)
        asked = _Query(wanted, limit, Filter(project_id, documents), language, whole)
        return await self._reranked(wanted, await self._look(principal.scope, asked))

    async def _look(self, scope: Scope, query: _Query) -> _Found:
        """Once, as a rule: again where documents are in spaces that the query was not embedded
        for, since nobody knew, or they have moved there meanwhile."""
        senses = await self._nearest.sense(scope, query.project_id, query.text)
        for left in reversed(range(LOOKS)):
            async with self._database.transaction(scope) as session:
                corpus = await self._corpora.get(session, scope, query.project_id)
                if not left or not self._nearest.lacks(senses, corpus):
                    with suppress(Moved):
                        return await self._find(session, scope, query, corpus, senses)
                    self._corpora.forget(scope, query.project_id)
            await self._nearest.widen(scope, query.project_id, senses, corpus)
        raise Unavailable("Documents are on the move; ask again in a moment.", retry_after=1)

    async def _find(
        self, session: AsyncSession, scope: Scope, query: _Query, corpus: Corpus, senses: Senses
    ) -> _Found:
        """Raises `Moved`."""
        if not corpus.chunks:
            await require_project(session, query.project_id)  # or there is none
            if senses.error is not None:  # what is put in would not be found either
                raise senses.error
            return _Found()
        signs = await self._candidates(session, scope, query, corpus, senses)
        best = sorted(signs, key=lambda chunk: (-self._scoring.score(*signs[chunk]), chunk))
        passages, spaces = await _read(session, best[: query.read_closely])
        if not spaces <= corpus.spaces:
            raise Moved
        self._nearest.remember(scope, query.project_id, corpus)
        ranked = await asyncio.to_thread(self._read_closely, query.text, passages, signs)
        return _Found(ranked, await self._documents(session, query, ranked))

    def _read_closely(
        self, query: str, passages: Sequence[Passage], signs: Mapping[UUID, Signs]
    ) -> list[Passage]:
        """The passages with their scores, best first."""
        letters = closeness(query, [f"{passage.title} {passage.text}" for passage in passages])
        values = [
            self._scoring.score(*signs[passage.chunk_id], float(close))
            for passage, close in zip(passages, letters, strict=True)
        ]
        return _ranked(values, passages)

    async def _documents(
        self, session: AsyncSession, query: _Query, passages: Sequence[Passage]
    ) -> Mapping[UUID, Document]:
        """The best ones; all that may be among the best where a reranker has the last word."""
        if not query.whole:
            return {}
        ids = list(_by_document(passages))
        if self._reranker is None:
            ids = ids[: query.limit]
        return {row.id: row for row in await session.scalars(DOCUMENTS, {"ids": ids})}

    async def _candidates(
        self, session: AsyncSession, scope: Scope, query: _Query, corpus: Corpus, senses: Senses
    ) -> dict[UUID, Signs]:
        """The signs of each chunk that either way brought. Raises `Moved`."""
        tenant_id, count = scope.tenant_id, query.candidates
        assert tenant_id is not None, "a principal has a tenant"
        asked = (session, tenant_id, senses, corpus, query.within)
        near = await self._nearest.best(*asked, limit=count)
        if self._nearest.missed(near, senses, corpus, query.within) and self._corpora.forget(
            scope, query.project_id
        ):
            raise Moved
        languages = (query.language,) if query.language else corpus.languages
        # In a thread: the first German query may have to load or make a list of words.
        words = await asyncio.to_thread(variants, query.text, languages)
        lexical = await bm25.search(
            session,
            tenant_id,
            corpus,
            words,
            limit=count,
            project_id=query.project_id,
            document_ids=query.within.documents,
            also=list(near),
        )
        places, cosines = dict(lexical.places), dict(near)
        for document, ordinal in _best(lexical.scores, count):
            places.setdefault(chunk_id(document, ordinal), (document, ordinal))
        missing = [chunk for chunk in places if chunk not in cosines]
        if missing:
            cosines |= await self._nearest.cosines(*asked, missing)
        return {
            chunk: (cosines.get(chunk, 0.0), lexical.share(key)) for chunk, key in places.items()
        }

    async def _reranked(self, query: str, found: _Found) -> _Found:
        if self._reranker is None or not found.passages:
            return found
        head = found.passages[:RERANKED]
        relevance = await self._reranker.rerank(query, [passage.text for passage in head])
        return replace(found, passages=_ranked([float(value) for value in relevance], head))


def _by_document(passages: Iterable[Passage]) -> dict[UUID, list[Passage]]:
    """In the order of each one's first."""
    grouped: dict[UUID, list[Passage]] = {}
    for passage in passages:
        grouped.setdefault(passage.document_id, []).append(passage)
    return grouped


def _ranked(values: Sequence[float], passages: Sequence[Passage]) -> list[Passage]:
    """The passages with these scores, best first."""
    pairs = sorted(
        zip(values, passages, strict=True), key=lambda pair: (-pair[0], pair[1].chunk_id)
    )
    return [replace(passage, score=_in_range(value)) for value, passage in pairs]


def _in_range(value: float) -> float:
    return round(min(max(value, 0.0), 1.0), 4)


def _best(scores: Any, count: int) -> Iterable[Key]:
    return sorted(scores, key=lambda key: (-scores[key], key))[:count]


READ = text(
    "SELECT c.id, c.document_id, c.text, c.start_offset, c.end_offset, c.page,"
    " coalesce(d.title, d.filename, d.url, '') AS title, d.space"
    " FROM core.chunks c JOIN core.documents d ON d.tenant_id = c.tenant_id AND d.id ="
    " c.document_id WHERE c.id = ANY(CAST(:ids AS uuid[]))"
)


DOCUMENTS = select(Document).where(Document.id.in_(bindparam("ids", expanding=True)))


async def _read(
    session: AsyncSession, chunks: Sequence[UUID]
) -> tuple[list[Passage], frozenset[str]]:
    """The passages, not scored yet, and the spaces in which they are searched."""
    rows = await session.execute(READ, {"ids": list(chunks)})
    found = {row.id: row for row in rows}
    passages = [
        Passage(
            chunk_id=row.id,
            document_id=row.document_id,
            title=row.title,
            text=row.text,
            start=row.start_offset,
            end=row.end_offset,
            page=row.page,
            score=0.0,
        )
        for row in (found[chunk] for chunk in chunks if chunk in found)
    ]
    return passages, frozenset(row.space for row in found.values() if row.space)
