"""Cutting a document's text into passages that can be found and cited."""

from __future__ import annotations

from dataclasses import dataclass

MAX_CHARACTERS = 900


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


def split(
    text: str, *, max_characters: int = MAX_CHARACTERS, pages: tuple[int, ...] = ()
) -> list[Chunk]:
    """Chunks of at most `max_characters`, in order, without overlap.

    They end at a paragraph where they can, else at a sentence, a word, a character. Together
    they hold every character that is not white space; none begins or ends with white space.
    CPU-bound: call it in a thread (`asyncio.to_thread`) for long texts.
    """
    raise NotImplementedError
