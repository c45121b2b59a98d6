"""BM25 in PostgreSQL, exact and under row-level security.

A posting is a row for a term in a batch of one document's chunks. Its hits are packed into one
number each: the chunk's ordinal, how often the term stands in it, and how many terms it has. So a
query reads nothing but the rows of its own terms, and knows how many of the chunks that the
caller may see hold a term by counting them: no statistics to keep, none that betray a private
document, and none that are wrong after a deletion. How many chunks there are, and how long they
are, is written in the documents' own rows; ingests of different documents never wait for one
another.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncSession

from baukasten_core.contracts.auth import Scope

Key = tuple[UUID, int]
"""A document, and the place of one of its chunks."""

K1, B = 0.9, 0.6
RARE = 2_000
LARGE, KEEP_SECONDS, MOST_KEPT = 5_000, 10.0, 1_000
_MOST = 0xFFFF


def pack(ordinal: int, frequency: int, length: int) -> int:
    """A hit as one number; frequency and length stop at 65,535."""
    return ordinal << 32 | min(frequency, _MOST) << 16 | min(length, _MOST)


def postings_of(chunks: Sequence[tuple[int, Sequence[str]]]) -> dict[str, list[int]]:
    """Each term's hits in a batch of chunks, given as (ordinal, terms)."""
    postings: dict[str, list[int]] = {}
    for ordinal, terms in chunks:
        for term, frequency in Counter(terms).items():
            postings.setdefault(term, []).append(pack(ordinal, frequency, len(terms)))
    return postings


@dataclass(frozen=True, slots=True)
class Corpus:
    """What is searched: how many chunks and terms, in which languages and embedding spaces.

    `common` is what was counted of terms that are not rare; it is as old as the rest.
    """

    chunks: int
    terms: int
    languages: tuple[str | None, ...]
    spaces: frozenset[str] = frozenset()
    common: dict[str, float] = field(default_factory=dict, compare=False)

    @property
    def average_length(self) -> float:
        return self.terms / self.chunks if self.terms else 1.0

    def idf(self, frequency: float) -> float:
        """The weight of a term that `frequency` chunks hold."""
        absent = max(self.chunks - frequency, 0)
        return math.log(1 + (absent + 0.5) / (frequency + 0.5))


@dataclass(frozen=True, slots=True)
class Scores:
    """What a query found: BM25 scores, the places of the chunks that were asked for (those that
    are gone, or not the caller's, are not among them), and the score of a chunk that would hold
    every word of the query all over, to compare with."""

    scores: Mapping[Key, float]
    places: Mapping[UUID, Key]
    ideal: float

    def share(self, key: Key) -> float:
        """How much of the query's information a chunk holds, 0 to 1."""
        return min(self.scores.get(key, 0.0) / self.ideal, 1.0) if self.ideal else 0.0


_COUNTS = (
    "SELECT language, space, sum(chunk_count) AS chunks, sum(term_count) AS terms"
    " FROM core.documents WHERE tenant_id = :tenant AND chunk_count > 0"
)
_EACH = "GROUP BY language, space ORDER BY language, space"
CORPUS = text(f"{_COUNTS} {_EACH}")
CORPUS_OF_PROJECT = text(f"{_COUNTS} AND project_id = :project {_EACH}")


class Corpora:
    """Corpora as their searchers see them. Counting reads a row for each document, so a large one
    is remembered for some seconds, and with it how common its common words are: a few documents
    more or less move that by nothing. Who finds that its documents have moved to another space
    forgets it."""

    def __init__(self) -> None:
        self._known: dict[tuple[Scope, UUID | None], tuple[float, Corpus]] = {}

    async def get(self, session: AsyncSession, scope: Scope, project_id: UUID | None) -> Corpus:
        """The corpus that the transaction, bound to this scope, sees of a project or the tenant."""
        key = (scope, project_id)
        at, found = self._known.get(key, (0.0, None))
        if found is None or time.monotonic() - at > KEEP_SECONDS:
            assert scope.tenant_id is not None
            found = await corpus(session, scope.tenant_id, project_id)
            self._keep(key, found)
        return found

    def forget(self, scope: Scope, project_id: UUID | None) -> bool:
        """Count anew the next time; answers whether a count was remembered."""
        return self._known.pop((scope, project_id), None) is not None

    def _keep(self, key: tuple[Scope, UUID | None], found: Corpus) -> None:
        if len(self._known) >= MOST_KEPT:
            self._known.clear()
        if found.chunks >= LARGE:
            self._known[key] = (time.monotonic(), found)
        else:
            self._known.pop(key, None)


async def corpus(session: AsyncSession, tenant_id: UUID, project_id: UUID | None) -> Corpus:
    """The corpus that the transaction's user sees, of a project or the whole tenant."""
    statement = CORPUS if project_id is None else CORPUS_OF_PROJECT
    parameters = {"tenant": tenant_id, "project": project_id}
    rows = (await session.execute(statement, parameters)).all()
    return Corpus(
        chunks=int(sum(row.chunks for row in rows)),
        terms=int(sum(row.terms for row in rows)),
        languages=tuple(dict.fromkeys(row.language for row in rows)),
        spaces=frozenset(row.space for row in rows if row.space),
    )


async def search(
    session: AsyncSession,
    tenant_id: UUID,
    found: Corpus,
    words: Sequence[frozenset[str]],
    *,
    limit: int,
    project_id: UUID | None = None,
    document_ids: Sequence[UUID] | None = None,
    also: Sequence[UUID] = (),
    rare: float = RARE,
) -> Scores:
    """The best `limit` chunks, and the chunks `also`, by document and ordinal.

    Words that more than `rare` chunks hold bring no chunks of their own, unless all do; they
    count in those that others brought. So what is read grows with the rare words alone.

    Args:
        words: the query's words, each as the terms it may stand for.
        document_ids: answer with chunks of these alone; a term's weight stays the corpus's.
    """
    terms = frozenset().union(*words)
    known = {term: found.common[term] for term in sorted(terms) if term in found.common}
    values: dict[str, Any] = {
        "tenant": tenant_id,
        "project": project_id,
        "terms": sorted(terms - known.keys()),
        "known": list(known),
        "frequencies": list(known.values()),
        "chunks": float(found.chunks),
        "average": found.average_length,
        "documents": list(document_ids or ()),
        "also": list(also),
        "rare": rare,
        "limit": limit,
    }
    statement = _statement(project_id is not None, document_ids is not None)
    rows = (await session.execute(statement, values)).all()
    frequencies, scores, places = _apart(rows)
    found.common.update({term: n for term, n in frequencies.items() if n > rare})
    ideal = sum(_word_weight(found, word, frequencies) for word in words)
    return Scores(scores, places, ideal)


def _apart(
    rows: Sequence[Any],
) -> tuple[dict[str, float], dict[Key, float], dict[UUID, Key]]:
    """How many chunks hold each term, scores, and places: rows of both kinds are one answer."""
    frequencies: dict[str, float] = {}
    scores: dict[Key, float] = {}
    places: dict[UUID, Key] = {}
    for term, chunk, document, ordinal, value in rows:
        if term is not None:
            frequencies[term] = value
            continue
        if chunk is not None:
            places[chunk] = (document, ordinal)
        if value:
            scores[document, ordinal] = value
    return frequencies, scores, places


def _word_weight(found: Corpus, word: frozenset[str], frequencies: Mapping[str, float]) -> float:
    """A word counts as its commonest form: in a corpus of two languages it has a form in each,
    and one of them is nowhere."""
    return found.idf(max(frequencies.get(term, 0) for term in word))


# Every number is float8: with numeric ones this takes three to ten times as long. What OFFSET 0
# ends is looked up term by term, by the index that its collation belongs to (migration 0011):
# the planner's guesses of how rare a term is are too bad to choose by.
_STATEMENT = """
WITH counted AS MATERIALIZED (
    SELECT p.term, sum(p.chunks)::float8 AS frequency FROM core.postings p
    WHERE p.tenant_id = :tenant AND p.term = ANY(CAST(:terms AS text[])){project}
    GROUP BY p.term
    UNION ALL SELECT * FROM unnest(CAST(:known AS text[]), CAST(:frequencies AS float8[]))
), weights AS MATERIALIZED (
    SELECT term, frequency,
        frequency <= CAST(:rare AS float8) OR row_number() OVER (ORDER BY frequency, term) = 1
            AS brings,
        ln(1::float8 + (greatest(CAST(:chunks AS float8) - frequency, 0::float8)
            + 0.5::float8) / (frequency + 0.5::float8)) AS idf
    FROM counted
), brought AS MATERIALIZED (
    SELECT b.document_id, (b.hit >> 32)::integer AS ordinal, {score} AS part
    FROM weights w CROSS JOIN LATERAL (
        SELECT p.document_id, unnest(p.hits) AS hit FROM core.postings p
        WHERE p.tenant_id = :tenant AND p.term = w.term{project}{documents} OFFSET 0
    ) b CROSS JOIN LATERAL {numbers}
    WHERE w.brings
), wanted AS MATERIALIZED (
    (SELECT NULL::uuid AS id, document_id, ordinal FROM brought
     GROUP BY document_id, ordinal ORDER BY sum(part) DESC, document_id, ordinal LIMIT :limit)
    UNION ALL
    SELECT c.id, c.document_id, c.ordinal FROM core.chunks c
    WHERE c.tenant_id = :tenant AND c.id = ANY(CAST(:also AS uuid[]))
), parts AS (
    SELECT document_id, ordinal, part FROM brought
    UNION ALL
    SELECT b.document_id, (b.hit >> 32)::integer, {score}
    FROM weights w CROSS JOIN (SELECT DISTINCT document_id FROM wanted) d CROSS JOIN LATERAL (
        SELECT p.document_id, unnest(p.hits) AS hit FROM core.postings p
        WHERE p.tenant_id = :tenant AND p.document_id = d.document_id
            AND p.term COLLATE "C" = w.term OFFSET 0
    ) b CROSS JOIN LATERAL {numbers}
    WHERE NOT w.brings
)
SELECT term, NULL::uuid AS id, NULL::uuid AS document_id, 0 AS ordinal, frequency AS value
FROM weights
UNION ALL
SELECT NULL, n.id, n.document_id, n.ordinal, sum(p.part)
FROM wanted n LEFT JOIN parts p ON p.document_id = n.document_id AND p.ordinal = n.ordinal
GROUP BY n.id, n.document_id, n.ordinal
"""
_NUMBERS = "(SELECT ((b.hit >> 16) & 65535)::float8 AS tf, (b.hit & 65535)::float8 AS length) AS h"
_SCORE = (
    f"w.idf * h.tf / (h.tf + {K1}::float8 * ({1 - B}::float8"
    f" + {B}::float8 * h.length / CAST(:average AS float8)))"
)


@cache
def _statement(in_project: bool, of_documents: bool) -> TextClause:
    statement = _STATEMENT.format(
        project=" AND p.project_id = :project" if in_project else "",
        documents=" AND p.document_id = ANY(CAST(:documents AS uuid[]))" if of_documents else "",
        score=_SCORE,
        numbers=_NUMBERS,
    )
    return text(statement)
