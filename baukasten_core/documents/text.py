"""Text as it is stored: normalised once, before any offset is counted."""

from __future__ import annotations

import bisect
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_LINE_ENDS = re.compile("\r\n?|[\u000b\u000c\u0085\u2028\u2029]")
_SURROGATES = re.compile("[\ud800-\udfff]")
# Soft hyphens (with the line break they made), NUL and the other controls but tab and newline.
_DROPPED = re.compile("\u00ad\n?|[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ufeff]")

PAGE_BREAK = "\n\n"
"""What stands between two pages in a document's text."""


def normalize(text: str) -> str:
    """The same text in the one form that is stored, indexed and quoted.

    Line ends become LF (form feeds and Unicode line separators too); NUL, other control
    characters, byte order marks and soft hyphens go; a lone surrogate becomes U+FFFD, because
    something was there; then NFC. The result is valid UTF-8 for PostgreSQL, and normalising it
    again changes nothing.
    """
    text = _SURROGATES.sub(REPLACEMENT, text)
    text = _LINE_ENDS.sub("\n", text)
    return unicodedata.normalize("NFC", _DROPPED.sub("", text))


@dataclass(frozen=True, slots=True)
class Extracted:
    """A document's text and where its pages begin.

    Attributes:
        text: normalised (see `normalize`); every offset anywhere counts its characters.
        media_type: what the file really is, such as `application/pdf`.
        pages: offset of each page's first character in `text`, ascending, first 0; empty where
            the format has no pages. Slides and sheets count as pages.
        title: the document's own title, or None.
        metadata: few and short: `author`, `created`, `language`, ... as the file says them.
    """

    text: str
    media_type: str
    pages: tuple[int, ...] = ()
    title: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)

    def page_at(self, offset: int) -> int | None:
        """The page number (from 1) of a character, or None without pages."""
        return page_at(self.pages, offset)


def page_at(pages: tuple[int, ...], offset: int) -> int | None:
    """The number (from 1) of the page that `offset` is on; None where there are no pages."""
    return bisect.bisect_right(pages, offset) or None if pages else None


def join_pages(pages: Iterable[str]) -> tuple[str, tuple[int, ...]]:
    """One normalised text from the pages' texts, and the offset where each begins."""
    parts: list[str] = []
    starts: list[int] = []
    length = 0
    for page in pages:
        if starts:
            length += len(PAGE_BREAK)
        starts.append(length)
        parts.append(normalize(page).strip("\n"))
        length += len(parts[-1])
    return PAGE_BREAK.join(parts), tuple(starts)
