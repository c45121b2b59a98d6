"""What an engine is given of a batch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from baukasten_core.providers.embedding.tokens import MULTIPLE, padded

MOST = 21
TOKENS = st.lists(st.integers(1, 99), min_size=1, max_size=MOST)


@given(st.lists(TOKENS, min_size=1, max_size=8))
def test_a_batch_is_as_long_as_few_others_are_and_no_longer_than_the_model_reads(
    batch: Sequence[Sequence[int]],
) -> None:
    ids, mask = padded(batch, MOST)
    assert ids.shape == mask.shape
    assert ids.shape[1] % MULTIPLE == 0 or ids.shape[1] == MOST
    assert ids.shape[1] - max(map(len, batch)) < MULTIPLE
    for row, tokens in enumerate(batch):
        assert ids[row, mask[row] == 1].tolist() == list(tokens)
    assert not np.any(ids[mask == 0])
