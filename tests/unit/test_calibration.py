"""Cosines of different models on one scale."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from baukasten_core.contracts.embedding import Priority
from baukasten_core.documents.calibration import PAIRS, Anchors, Calibration, Line, anchors
from baukasten_core.documents.embedders import Embedders
from baukasten_core.testing.fakes import FakeEmbedder

cosines = st.floats(-1, 1)


def some_anchors() -> st.SearchStrategy[Anchors]:
    return st.builds(Anchors, cosines, cosines).filter(lambda a: a.related - a.unrelated > 0.02)


@given(some_anchors(), some_anchors())
def test_anchors_are_taken_to_anchors(anchors: Anchors, target: Anchors) -> None:
    line = Line.between(anchors, target)
    assert line(anchors.related) == pytest.approx(target.related, abs=1e-9)
    assert line(anchors.unrelated) == pytest.approx(target.unrelated, abs=1e-9)


@given(some_anchors(), some_anchors(), cosines, cosines)
def test_what_is_nearer_stays_nearer(
    anchors: Anchors, target: Anchors, one: float, two: float
) -> None:
    assume(two - one > 1e-6)
    line = Line.between(anchors, target)
    assert line(one) < line(two)


@given(some_anchors(), cosines)
def test_the_same_anchors_change_nothing(anchors: Anchors, cosine: float) -> None:
    assert Line.between(anchors, anchors)(cosine) == pytest.approx(cosine, abs=1e-9)


@given(cosines, cosines, some_anchors(), cosines)
def test_a_model_without_sense_is_left_as_it_is(
    related: float, unrelated: float, target: Anchors, cosine: float
) -> None:
    assume(related - unrelated <= 0.01)
    assert Line.between(Anchors(related, unrelated), target)(cosine) == cosine


class Counting(FakeEmbedder):
    calls = 0

    async def embed(
        self, texts: Sequence[str], *, priority: Priority = "bulk"
    ) -> NDArray[np.float32]:
        self.calls += 1
        return await super().embed(texts, priority=priority)


async def test_the_defaults_cosines_stay_and_each_embedder_is_asked_once() -> None:
    default, other = Counting(), Counting(64, "other")
    embedders = Embedders(default, {"other": other})
    calibration = Calibration(embedders)
    assert await calibration.line(embedders.default) == Line()
    assert (default.calls, other.calls) == (0, 0)
    found = embedders.named("other")
    assert found is not None
    lines = [await calibration.line(found) for _ in range(3)]
    assert (default.calls, other.calls) == (1, 1)
    assert lines[0] == lines[2]


def test_anchors_are_means_of_cosines() -> None:
    count = len(PAIRS)
    same = np.tile(np.array([1.0, 0.0], dtype=np.float32), (2 * count, 1))
    assert anchors(same) == Anchors(1.0, 1.0)
    apart = np.vstack([np.eye(count), np.eye(count)]).astype(np.float32)
    assert anchors(apart) == Anchors(1.0, 0.0)


def test_the_pairs_are_in_the_languages_of_the_platform() -> None:
    assert len(PAIRS) == len(set(PAIRS)) == 24
