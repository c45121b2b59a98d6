"""Cutting a document's text into passages that can be found and cited.

Chunks don't overlap: a passage that stands in two chunks would be counted twice in the term
statistics, found twice, and cited under two offsets. What a chunk's neighbours say is at hand
through the document's text and the offsets.
"""

from __future__ import annotations

import asyncio
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from baukasten_core.documents.text import page_at

MAX_CHARACTERS = 900
_WINDOW = 16_384
_BORDERS = ("\n\n", "\n", ". ", "! ", "? ", "。", " ")
_ZERO_WIDTH_JOINER = "\u200d"


@dataclass(frozen=True, slots=True)
class Chunk:
    """A passage: `text == document.text[start:end]`, always.

    Attributes:
        start, end: character offsets into the document's text.
        page: page number (from 1) of its first character; None without pages.
    """

    text: str
    start: int
    end: int
    page: int | None = None


async def chunk(
    text: str, *, max_characters: int = MAX_CHARACTERS, pages: tuple[int, ...] = ()
) -> list[Chunk]:
    """`split`, in a thread."""
    return await asyncio.to_thread(split, text, max_characters=max_characters, pages=pages)


def split(
    text: str, *, max_characters: int = MAX_CHARACTERS, pages: tuple[int, ...] = ()
) -> list[Chunk]:
    """Chunks of at most `max_characters`, in order, without overlap.

    They end at a paragraph where they can, else at a sentence, a word, a character. Together
    they hold every character that is not white space; none begins or ends with white space.
    `text` and `pages` are those of an `Extracted`.
    """
    return [
        Chunk(text[start:end], start, end, page_at(pages, start))
        for start, end in _spans(text, max_characters)
    ]


def _spans(text: str, most: int) -> Iterator[tuple[int, int]]:
    from semantic_text_splitter import TextSplitter

    splitter = TextSplitter(most)
    for start, end in _windows(text, max(_WINDOW, 8 * most)):
        for offset, piece in splitter.chunk_indices(text[start:end]):
            yield start + offset, start + offset + len(piece)


def _windows(text: str, size: int) -> Iterator[tuple[int, int]]:
    """Parts of at most `size` characters: the library's time grows with the square of a text
    that has no sentences, and it needs minutes for some megabytes.
    """
    start = 0
    while len(text) - start > size:
        cut = _border(text, start, start + size)
        yield start, cut
        start = cut
    yield start, len(text)


def _border(text: str, start: int, end: int) -> int:
    """The best place to cut in the second half of a part: after a paragraph, a line, ..."""
    for mark in _BORDERS:
        found = text.rfind(mark, (start + end) // 2, end)
        if found > 0:
            return found + len(mark)
    return _between_characters(text, start, end)


def _between_characters(text: str, start: int, cut: int) -> int:
    """The last place at or before `cut` that leaves marks, joiners and what they join together."""
    for place in range(cut, max(start, cut - 64), -1):
        if not _belongs_to_previous(text[place]) and text[place - 1] != _ZERO_WIDTH_JOINER:
            return place
    return cut


def _belongs_to_previous(character: str) -> bool:
    return (
        character == _ZERO_WIDTH_JOINER
        or unicodedata.category(character).startswith("M")
        or "\U0001f3fb" <= character <= "\U0001f3ff"
    )
