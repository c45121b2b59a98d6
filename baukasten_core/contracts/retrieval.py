"""What a search answers with."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Passage:
    """A chunk that matched, exactly as it stands in its document: `text` is the document's
    extracted text from `start` to `end` (characters).

    `score` is calibrated from 0 to 1 and means the same for every query; `page` counts from 1,
    None where the document has no pages.
    """

    chunk_id: UUID
    document_id: UUID
    title: str
    text: str
    start: int
    end: int
    page: int | None
    score: float
