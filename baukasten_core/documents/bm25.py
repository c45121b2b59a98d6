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
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

K1, B = 0.9, 0.6
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
    """What is searched: how many chunks and terms, in which languages."""

    chunks: int
    terms: int
    languages: tuple[str | None, ...]

    @property
    def average_length(self) -> float:
        return self.terms / self.chunks if self.terms else 1.0

    def idf(self, frequency: int) -> float:
        """The weight of a term that `frequency` chunks hold."""
        absent = max(self.chunks - frequency, 0)
        return math.log(1 + (absent + 0.5) / (frequency + 0.5))


@dataclass(frozen=True, slots=True)
class Scores:
    """What a query found: BM25 scores by (document, ordinal), and the score of a chunk that
    would hold every word of the query all over, to compare them with."""

    scores: Mapping[tuple[UUID, int], float]
    ideal: float

    def share(self, key: tuple[UUID, int]) -> float:
        """How much of the query's information a chunk holds, 0 to 1."""
        return min(self.scores.get(key, 0.0) / self.ideal, 1.0) if self.ideal else 0.0


_COUNTS = (
    "SELECT language, sum(chunk_count) AS chunks, sum(term_count) AS terms FROM core.documents"
    " WHERE tenant_id = :tenant AND chunk_count > 0"
)
CORPUS = text(f"{_COUNTS} GROUP BY language ORDER BY language")
CORPUS_OF_PROJECT = text(f"{_COUNTS} AND project_id = :project GROUP BY language ORDER BY language")


async def corpus(session: AsyncSession, tenant_id: UUID, project_id: UUID | None) -> Corpus:
    """The corpus that the transaction's user sees, of a project or the whole tenant."""
    statement = CORPUS if project_id is None else CORPUS_OF_PROJECT
    parameters = {"tenant": tenant_id, "project": project_id}
    rows = (await session.execute(statement, parameters)).all()
    return Corpus(
        chunks=int(sum(row.chunks for row in rows)),
        terms=int(sum(row.terms for row in rows)),
        languages=tuple(row.language for row in rows),
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
) -> Scores:
    """The best `limit` chunks, and every chunk of the documents `also`.

    Args:
        words: the query's words, each as the terms it may stand for.
        document_ids: answer with chunks of these alone; a term's weight stays the corpus's.
    """
    values: dict[str, Any] = {
        "tenant": tenant_id,
        "project": project_id,
        "terms": sorted(frozenset().union(*words)),
        "chunks": float(found.chunks),
        "average": found.average_length,
        "documents": list(document_ids or ()),
        "also": list(also),
        "limit": limit,
    }
    statement = _statement(project_id is not None, document_ids is not None)
    rows = (await session.execute(text(statement), values)).all()
    frequencies = {row.term: int(row.value) for row in rows if row.term is not None}
    scores = {(row.document_id, row.ordinal): row.value for row in rows if row.term is None}
    return Scores(scores, sum(_word_weight(found, word, frequencies) for word in words))


def _word_weight(found: Corpus, word: frozenset[str], frequencies: Mapping[str, int]) -> float:
    """A word counts as its commonest form: in a corpus of two languages it has a form in each,
    and one of them is nowhere."""
    return found.idf(max(frequencies.get(term, 0) for term in word))


# Every number is float8: with numeric ones this takes three to ten times as long.
_STATEMENT = """
WITH hits AS MATERIALIZED (
    SELECT p.term, p.document_id, h.hit
    FROM core.postings p CROSS JOIN LATERAL unnest(p.hits) AS h (hit)
    WHERE p.tenant_id = :tenant AND p.term = ANY(CAST(:terms AS text[])){project}
), weights AS (
    SELECT term, count(*)::float8 AS frequency,
        ln(1::float8 + (greatest(CAST(:chunks AS float8) - count(*)::float8, 0::float8)
            + 0.5::float8) / (count(*)::float8 + 0.5::float8)) AS idf
    FROM hits GROUP BY term
), counted AS (
    SELECT term, document_id, (hit >> 32)::integer AS ordinal,
        ((hit >> 16) & 65535)::float8 AS frequency, (hit & 65535)::float8 AS length
    FROM hits{documents}
), scores AS (
    SELECT c.document_id, c.ordinal, sum(w.idf * c.frequency / (c.frequency
        + {k1}::float8 * ({rest}::float8 + {b}::float8 * c.length / CAST(:average AS float8)))
        ) AS value
    FROM counted c JOIN weights w ON w.term = c.term
    GROUP BY c.document_id, c.ordinal
), best AS (
    SELECT document_id, ordinal, value FROM scores
    ORDER BY value DESC, document_id, ordinal LIMIT :limit
)
SELECT term, NULL::uuid AS document_id, 0 AS ordinal, frequency AS value FROM weights
UNION ALL SELECT NULL, document_id, ordinal, value FROM best
UNION ALL SELECT NULL, document_id, ordinal, value FROM scores
    WHERE document_id = ANY(CAST(:also AS uuid[]))
"""


def _statement(in_project: bool, of_documents: bool) -> str:
    return _STATEMENT.format(
        project=" AND p.project_id = :project" if in_project else "",
        documents=" WHERE document_id = ANY(CAST(:documents AS uuid[]))" if of_documents else "",
        k1=K1,
        b=B,
        rest=1 - B,
    )
