"""Closeness of wording: a share from 0 to 1 that weighs what tells passages apart."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from baukasten_core.documents.closeness import closeness
from baukasten_core.documents.scoring import Scoring


@given(st.text(), st.lists(st.text(), max_size=5))
def test_it_is_a_share_whatever_the_texts(query: str, passages: list[str]) -> None:
    found = closeness(query, passages)
    assert found.shape == (len(passages),)
    assert np.all((found >= 0) & (found <= 1 + 1e-9))


def test_the_query_itself_is_as_close_as_can_be_and_another_script_is_not() -> None:
    query = "Network monitoring"
    found = closeness(query, ["It does network monitoring, too.", "完全に違う"])
    assert np.isclose(found[0], 1.0)
    assert found[1] == 0.0


def test_words_that_no_stemmer_brings_together_are_close() -> None:
    near, far = closeness("Verschlüsselung", ["Ein verschlüsselter Datenträger", "Ein Obstgarten"])
    assert near > 0.5 > far


def test_what_stands_in_every_passage_hardly_counts() -> None:
    passages = ["library for images", "library for sound", "library for text"]
    found = closeness("library for sound", passages)
    assert found[1] > 0.9
    assert max(found[0], found[2]) < 0.3


@given(st.floats(-1, 1), st.floats(0, 1), st.floats(0, 1), st.floats(0, 0.3))
def test_the_score_is_between_0_and_1_and_grows_with_each_sign(
    cosine: float, words: float, letters: float, more: float
) -> None:
    scoring = Scoring()
    value = scoring.score(cosine, words, letters)
    assert 0 < value < 1
    assert scoring.score(cosine + more, words, letters) >= value
    assert scoring.score(cosine, words + more, letters) >= value
    assert scoring.score(cosine, words, letters + more) >= value
