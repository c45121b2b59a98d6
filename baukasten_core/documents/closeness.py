"""How close a passage's wording is to a query's, letter by letter.

Words that are stemmed apart, parts of compounds, names and misspellings have letters in common
where they have no term. Reading every passage so would take long; those that the two indexes
found are few.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from baukasten_core.documents.terms import words_of

SIZES = (3, 4)
"""Letters in a group."""

MOST_LETTERS = 400
"""Of the query: what is longer has groups enough."""


def closeness(query: str, passages: Sequence[str]) -> NDArray[np.float64]:
    """The share of the query's groups of letters that stand in each passage, 0 to 1.

    A group weighs the more the fewer of these passages have it (as a term's idf does): what
    stands in all of them tells none apart.
    """
    wanted = sorted(_groups(_plain(query)[:MOST_LETTERS]))
    if not wanted or not passages:
        return np.zeros(len(passages))
    texts = [_plain(passage) for passage in passages]
    there = np.array([[group in text for group in wanted] for text in texts], dtype=np.float64)
    having = there.sum(axis=0)
    weights = np.log1p((len(texts) - having + 0.5) / (having + 0.5))
    shares: NDArray[np.float64] = there @ weights / weights.sum()
    return shares


def _plain(text: str) -> str:
    """Words between single spaces, so that groups know where words begin and end."""
    return f" {' '.join(words_of(text))} "


def _groups(text: str) -> set[str]:
    return {text[at : at + size] for size in SIZES for at in range(len(text) - size + 1)}
