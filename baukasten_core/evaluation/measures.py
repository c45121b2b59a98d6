"""How good a ranking is, given what answers the query. All of them from 0 to 1."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import partial

Ranking = Sequence[Hashable]
"""Best first; nothing is there twice."""

Measure = Callable[[Ranking, AbstractSet[Hashable]], float]


def recall(ranking: Ranking, relevant: AbstractSet[Hashable], at: int) -> float:
    """The share of what answers that is among the first `at`."""
    return len(relevant & set(ranking[:at])) / len(relevant)


def reciprocal_rank(ranking: Ranking, relevant: AbstractSet[Hashable], at: int) -> float:
    """One over the place of the first answer; 0 where none is among the first `at`. Its mean over
    queries is MRR."""
    places = (place for place, found in enumerate(ranking[:at], 1) if found in relevant)
    return 1 / next(places, math.inf)


def gain(ranking: Ranking, relevant: AbstractSet[Hashable], at: int) -> float:
    """nDCG for answers that are all as good: each counts less the further down it stands, over
    the best that any ranking could have (Järvelin and Kekäläinen, 2002)."""
    weights = [1 / math.log2(place + 1) for place in range(1, at + 1)]
    found = (weight for weight, one in zip(weights, ranking, strict=False) if one in relevant)
    return sum(found) / sum(weights[: len(relevant)])


MEASURES: Mapping[str, Measure] = {
    "recall@1": partial(recall, at=1),
    "recall@5": partial(recall, at=5),
    "recall@10": partial(recall, at=10),
    "MRR@10": partial(reciprocal_rank, at=10),
    "nDCG@10": partial(gain, at=10),
}

DEEPEST = 10
"""How much of a ranking the measures look at."""
