"""Numbered citations: `[n]` in an answer, bound to the passage it names and checked."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from baukasten_core.contracts.retrieval import Passage
from baukasten_core.evidence.quotes import find_quote

MARKER = re.compile(r"\[(\d{1,3})\]")
QUOTE_LIMIT = 300


@dataclass(frozen=True, slots=True)
class Citation:
    """What an answer rests on. `verified`: `quote` stands in the document's text word for word,
    from `start` to `end`."""

    number: int
    document_id: UUID
    title: str
    quote: str
    start: int
    end: int
    page: int | None
    score: float
    verified: bool

    def as_json(self) -> dict[str, Any]:
        """For a response or a stored message."""
        names = self.__slots__
        return {n: str(v) if isinstance(v := getattr(self, n), UUID) else v for n in names}


def cited_numbers(answer: str) -> list[int]:
    """The numbers an answer cites, each once, in order of first mention."""
    return list(dict.fromkeys(int(number) for number in MARKER.findall(answer)))


def cite(answer: str, passages: Sequence[Passage], texts: dict[UUID, str]) -> list[Citation]:
    """The citations of an answer whose sources were `passages`, numbered from 1.

    A number without a passage gives no citation. The quote is the passage itself, checked
    against `texts`, the documents' texts as they are stored now.
    """
    numbers = [n for n in cited_numbers(answer) if 1 <= n <= len(passages)]
    return [_citation(n, passages[n - 1], texts) for n in numbers]


def _citation(number: int, passage: Passage, texts: dict[UUID, str]) -> Citation:
    quote = passage.text[:QUOTE_LIMIT]
    text = texts.get(passage.document_id, "")
    span = find_quote(quote, text, near=passage.start)
    return Citation(
        number=number,
        document_id=passage.document_id,
        title=passage.title,
        quote=quote,
        start=span.start if span else passage.start,
        end=span.end if span else passage.start + len(quote),
        page=passage.page,
        score=passage.score,
        verified=span is not None,
    )
