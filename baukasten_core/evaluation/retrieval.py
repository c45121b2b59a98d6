"""Evaluates the search: the documents go in as anybody's would, and every query is asked."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TypeVar
from uuid import UUID

from baukasten_core.contracts.auth import Principal
from baukasten_core.documents.ingest import INGEST
from baukasten_core.documents.scoring import Scoring
from baukasten_core.documents.search import Searcher
from baukasten_core.errors import Conflict
from baukasten_core.evaluation.measures import DEEPEST, MEASURES
from baukasten_core.evaluation.pairs import Doc, Pairs, Query
from baukasten_core.services import Services

T = TypeVar("T")

WHOLE = "search"

INDEXED_AT_A_TIME = 16
"""Documents: enough that the embedder fills its batches."""

ASKED_AT_A_TIME = 4

Advance = Callable[[], None]
Progress = Callable[[str, int], Advance]
"""(what is done now, how many steps it has) -> called after each step."""


@dataclass(frozen=True, slots=True)
class NothingRelevant:
    """How often something reaches `relevant_score`: with the answers there it should be always,
    with each query's answers taken out, never."""

    relevant_score: float
    with_answers: float
    without_answers: float


@dataclass(frozen=True, slots=True)
class Report:
    """What an evaluation found: the mean of each measure, for the search and its parts."""

    documents: int
    queries: int
    measures: Mapping[str, Mapping[str, float]]
    nothing_relevant: NothingRelevant


async def evaluate(
    services: Services, principal: Principal, pairs: Pairs, progress: Progress
) -> Report:
    """Put the documents in, as anybody's, and ask every query.

    Raises what adding a document and searching raise.
    """
    places = await index(services, principal, pairs.docs, progress("Indexing", len(pairs.docs)))
    found = {
        name: await ask(
            searcher, principal, pairs.queries, places, progress(name, len(pairs.queries))
        )
        for name, searcher in searchers(services).items()
    }
    return Report(
        documents=len(pairs.docs),
        queries=len(pairs.queries),
        measures={name: measure(answers) for name, answers in found.items()},
        nothing_relevant=_nothing_relevant(
            found[WHOLE], services.settings.retrieval.relevant_score
        ),
    )


@dataclass(frozen=True, slots=True)
class Found:
    """What a search answered to one query: documents, best first, with their scores."""

    ranking: Sequence[UUID]
    scores: Sequence[float]
    relevant: frozenset[UUID]

    def best(self, *, without_answers: bool = False) -> float:
        """The best score; with the answers taken out of the collection, the best of the rest."""
        ranked = zip(self.ranking, self.scores, strict=True)
        rest = (score for one, score in ranked if not (without_answers and one in self.relevant))
        return next(rest, 0.0)


def searchers(services: Services) -> Mapping[str, Searcher]:
    """The search as it is configured, and each part of it alone."""
    # Spread wide: a score has four digits, and what it does not tell apart is in no order.
    parts = {
        "cosine alone": Scoring(base=-4, cosine=8, words=0, letters=0),
        "BM25 alone": Scoring(base=-4, cosine=0, words=8, letters=0),
    }
    if services.settings.retrieval.reranker is not None:
        parts["without the reranker"] = Scoring()
    stores = services.database, services.embedders, services.vectors
    alone = {name: Searcher(*stores, scoring=scoring) for name, scoring in parts.items()}
    return {WHOLE: services.searcher, **alone}


async def index(
    services: Services, principal: Principal, docs: Sequence[Doc], advance: Advance
) -> Mapping[str, UUID]:
    """Put the documents in and make them searchable; answers where each of them is. Two with the
    same text are one document."""
    ingest = services.documents.handlers()[INGEST].run
    places: dict[str, UUID] = {}

    async def put(doc: Doc) -> None:
        try:
            added = await services.documents.add_text(principal, doc.text, title=doc.title or None)
            places[doc.id] = added.id
            await ingest(principal.scope, document_id=added.id)
        except Conflict as same:
            places[doc.id] = UUID(same.extra["document_id"])
        advance()

    await _each(docs, put, at_a_time=INDEXED_AT_A_TIME)
    return places


async def ask(
    searcher: Searcher,
    principal: Principal,
    queries: Sequence[Query],
    places: Mapping[str, UUID],
    advance: Advance,
) -> Sequence[Found]:
    """What a search answers to each query."""
    found: list[Found] = []

    async def one(query: Query) -> None:
        relevant = frozenset(places[answer] for answer in query.answers)
        # One more than what is measured, should the answers be taken out.
        limit = DEEPEST + len(relevant)
        hits = await searcher.search_documents(principal, query.query, limit=limit)
        ranking, scores = [hit.document.id for hit in hits], [hit.score for hit in hits]
        found.append(Found(ranking, scores, relevant))
        advance()

    await _each(queries, one, at_a_time=ASKED_AT_A_TIME)
    return found


def measure(found: Sequence[Found]) -> Mapping[str, float]:
    """The mean of each measure over all queries."""
    return {
        name: fmean(value(one.ranking, one.relevant) for one in found)
        for name, value in MEASURES.items()
    }


def _nothing_relevant(found: Sequence[Found], threshold: float) -> NothingRelevant:
    there = fmean(one.best() >= threshold for one in found)
    taken_out = fmean(one.best(without_answers=True) >= threshold for one in found)
    return NothingRelevant(threshold, there, taken_out)


async def _each(
    items: Iterable[T], work: Callable[[T], Awaitable[None]], *, at_a_time: int
) -> None:
    """Do the work on every item, some at a time; the first error ends it."""
    todo = iter(items)

    async def worker() -> None:
        for item in todo:
            await work(item)

    workers = [asyncio.create_task(worker()) for _ in range(at_a_time)]
    try:
        await asyncio.gather(*workers)
    finally:
        for one in workers:
            one.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
