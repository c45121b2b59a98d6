"""What a search answers with."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import Literal
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Passage:
    """A chunk that matched, exactly as it stands in its document: `text` is the document's
    extracted text from `start` to `end` (characters). Where the project's showcase has a text
    transform, `text` is what that made of it, and `start` and `end` are still the original's.

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


@dataclass(frozen=True, slots=True)
class DocumentText:
    """A document as a showcase reads it: its extracted text, whole, and how far it is.

    Attributes:
        status: `ready` when it can be searched; `text` is there somewhat earlier.
        error: why it is `failed`, in a sentence.
        language: ISO 639-1, None where it was not told.
        pages: the offset of each page's first character; empty where there are no pages.
    """

    id: UUID
    project_id: UUID | None
    title: str
    text: str
    status: Literal["queued", "processing", "ready", "failed"]
    error: str | None = None
    language: str | None = None
    pages: tuple[int, ...] = ()

    def page_at(self, offset: int) -> int | None:
        """The page (from 1) of a character, None where there are no pages."""
        return bisect_right(self.pages, offset) or None if self.pages else None
