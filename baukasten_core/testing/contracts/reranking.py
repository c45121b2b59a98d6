"""The suite of the reranking contract.

    class TestMine(RerankingContract):
        @pytest.fixture(scope="class")
        def reranker(self) -> Reranker:
            return MyReranker()

Give `trained` as False for a model whose weights are random: then nothing is asked of what it
finds relevant.
"""

from __future__ import annotations

import asyncio
import math

import pytest

from baukasten_core.contracts.reranking import Reranker
from baukasten_core.testing.texts import SENTENCES

QUERY = "When must the invoice be paid?"
ANSWER = "The invoice must be paid by Friday."
TOLERANCE = 1e-3
"""How much the batch that a passage went in may change its relevance."""


class RerankingContract:
    """What every reranker promises."""

    @pytest.fixture(scope="class")
    def reranker(self) -> Reranker:
        """The reranker under test."""
        raise NotImplementedError("give the fixture `reranker`")

    @pytest.fixture(scope="class")
    def trained(self) -> bool:
        """Whether it has learnt what is relevant."""
        return True

    def test_is_a_reranker_with_a_name(self, reranker: Reranker) -> None:
        assert isinstance(reranker, Reranker)
        assert reranker.name == reranker.name.lower() != ""

    async def test_every_passage_gets_a_relevance_from_0_to_1(self, reranker: Reranker) -> None:
        found = await reranker.rerank(QUERY, SENTENCES)
        assert len(found) == len(SENTENCES)
        assert all(isinstance(value, float) and 0 <= value <= 1 for value in found)

    async def test_no_passages_get_none(self, reranker: Reranker) -> None:
        assert list(await reranker.rerank(QUERY, [])) == []

    async def test_relevances_come_in_the_order_of_the_passages_and_depend_on_no_other(
        self, reranker: Reranker
    ) -> None:
        together = await reranker.rerank(QUERY, SENTENCES)
        backwards = await reranker.rerank(QUERY, SENTENCES[::-1])
        alone = [(await reranker.rerank(QUERY, [text]))[0] for text in SENTENCES]
        assert alone == pytest.approx(together, abs=TOLERANCE)
        assert backwards[::-1] == pytest.approx(together, abs=TOLERANCE)

    async def test_the_answer_is_more_relevant_than_anything_else(
        self, reranker: Reranker, trained: bool
    ) -> None:
        if not trained:
            pytest.skip("random weights find nothing relevant")
        found = await reranker.rerank(QUERY, ["Penguins breed on the sea ice.", ANSWER])
        assert found[1] > found[0]

    @pytest.mark.parametrize(
        "text",
        [
            "",
            " \n\t ",
            "ÄÖÜ ß",
            "日本語",
            "שלום",
            "👩🏽‍🔬 🚀",
            "a\u0000b",
            "\ud800 lone",
            "[SEP] [CLS]",
        ],
        ids=[
            "empty",
            "blank",
            "umlauts",
            "japanese",
            "hebrew",
            "emoji",
            "nul",
            "surrogate",
            "marks",
        ],
    )
    async def test_takes_any_text(self, reranker: Reranker, text: str) -> None:
        found = [
            *await reranker.rerank(QUERY, [text, ANSWER]),
            *await reranker.rerank(text, [text, ANSWER]),
        ]
        assert all(math.isfinite(value) and 0 <= value <= 1 for value in found)

    async def test_takes_long_texts(self, reranker: Reranker) -> None:
        long = ["word " * 50_000, "x" * 100_000]
        found = [*await reranker.rerank(QUERY, long), *await reranker.rerank(long[0], [ANSWER])]
        assert all(0 <= value <= 1 for value in found)

    async def test_callers_at_the_same_time_each_get_their_answer(self, reranker: Reranker) -> None:
        queries = SENTENCES[:5]
        expected = [await reranker.rerank(query, SENTENCES) for query in queries]
        answers = await asyncio.gather(*(reranker.rerank(query, SENTENCES) for query in queries))
        for answer, wanted in zip(answers, expected, strict=True):
            assert answer == pytest.approx(wanted, abs=TOLERANCE)
