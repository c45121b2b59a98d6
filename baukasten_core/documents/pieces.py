"""What a document is indexed as: a title, and pieces under it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from baukasten_core.contracts.showcase import TransformedText
from baukasten_core.documents.chunk import split
from baukasten_core.documents.models import Document
from baukasten_core.documents.text import page_at

Transform = Callable[[str], TransformedText]
"""What a project's showcase makes of a text before it is indexed."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A chunk that is to be written. `start`, `end` count characters of the document's content,
    whatever a transform made of the text."""

    ordinal: int
    text: str
    start: int
    end: int
    page: int | None


def cut(document: Document, transform: Transform | None, most: int) -> tuple[str, list[Piece]]:
    """The title and the pieces, of `most` characters, to index under it. The same every time, as
    long as nothing was reconfigured. A transform may take out what a title tells: then there is
    none. CPU-bound."""
    content, pages = document.content or "", tuple(document.pages)
    if transform is None:
        chunks = split(content, max_characters=most, pages=pages)
        pieces = [Piece(n, c.text, c.start, c.end, c.page) for n, c in enumerate(chunks)]
        return title_of(document.title, document.filename), pieces
    transformed = transform(content)
    return "", [
        Piece(number, part.text, start, end, page_at(pages, start))
        for number, part in enumerate(split(transformed.text, max_characters=most))
        for start, end in [_original(transformed, part.start, part.end)]
    ]


def title_of(title: str | None, filename: str | None) -> str:
    """What a document is called: by whoever put it in, by itself, or by its file's name."""
    return title or Path(filename or "").stem


def under(title: str, text: str) -> str:
    """A passage as it is embedded: what its document is about often stands in the title alone."""
    return f"{title}\n{text}" if title else text


def _original(transformed: TransformedText, start: int, end: int) -> tuple[int, int]:
    """Where characters of a transformed text come from."""
    return transformed.offsets[start], transformed.offsets[end - 1] + 1
