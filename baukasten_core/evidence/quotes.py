"""Quotes, checked word for word against their source.

A quote counts as found only if its words stand in the source in the same order with nothing
between them. White space may differ (a line break in a PDF is no other word), and soft hyphens
are not seen; everything else, case included, must be the same.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

SOFT_HYPHEN = "\u00ad"


@dataclass(frozen=True, slots=True)
class Span:
    """Characters `start` to `end` of a text."""

    start: int
    end: int

    def of(self, text: str) -> str:
        return text[self.start : self.end]


def find_quote(quote: str, text: str, *, near: int = 0) -> Span | None:
    """Where `quote` stands in `text` word for word, None if it does not.

    Args:
        near: of several places, the first at or after this offset is taken, else the first.
    """
    words = quote.replace(SOFT_HYPHEN, "").split()
    if not words:
        return None
    pattern = re.compile(r"\s+".join(_spelled(word) for word in words))
    match = pattern.search(text, near) or pattern.search(text)
    return Span(match.start(), match.end()) if match else None


def _spelled(word: str) -> str:
    """A pattern for a word that may have soft hyphens in it."""
    return f"{SOFT_HYPHEN}?".join(re.escape(character) for character in word)
