"""One score from two: how near a passage is in meaning, and how much of the query's words it has.

The logarithm of the odds that a passage answers is taken to grow with its cosine and with the
share of the query's information that its words hold (BM25 over the best BM25 possible). Both are
the same for every query, so the score is too: it can be compared with a threshold, which ranks
(reciprocal rank) and per-query scaling (min-max) cannot. The two weights are those that ranked
best on package descriptions in English and German; the base puts questions that a collection
answers above 0.35 and those that it does not below. See docs/retrieval.md.
"""

from __future__ import annotations

import math

BASE = -3.6
COSINE_WEIGHT = 5.4
WORDS_WEIGHT = 8.4


def score(cosine: float, share: float) -> float:
    """The calibrated score, 0 to 1.

    Args:
        cosine: of the passage's vector to the query's; below 0 counts as 0.
        share: of the query's information in the passage's words, 0 to 1 (`bm25.Scores.share`).
    """
    return 1 / (1 + math.exp(-(BASE + COSINE_WEIGHT * max(cosine, 0.0) + WORDS_WEIGHT * share)))
