"""One score from three signs: how near a passage is in meaning, how much of the query's words it
has, and how close its wording is.

The logarithm of the odds that a passage answers is taken to grow with each. Two of them mean the
same for every query and the third nearly so, so the score does: it can be compared with a
threshold, which ranks (reciprocal rank) and per-query scaling (min-max) cannot. The weights are
those of a regression over pairs of questions and answers in English and German; see
docs/retrieval.md.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scoring:
    """The weights of the signs. With one of them alone, `baukasten eval` tells what it is worth."""

    base: float = -6.2
    cosine: float = 7.6
    words: float = 8.0
    letters: float = 3.2

    def score(self, cosine: float, words: float, letters: float = 0.0) -> float:
        """The calibrated score, 0 to 1.

        Args:
            cosine: of the passage's vector to the query's; below 0 counts as 0.
            words: share of the query's information in the passage's words, 0 to 1
                (`bm25.Scores.share`).
            letters: share of the query's groups of letters, 0 to 1 (`closeness`).
        """
        odds = self.base + self.cosine * max(cosine, 0.0) + self.words * words
        return 1 / (1 + math.exp(-(odds + self.letters * letters)))
