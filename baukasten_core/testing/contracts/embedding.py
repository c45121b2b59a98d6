"""The suite of the embedding contract.

    class TestMine(EmbeddingContract):
        @pytest.fixture(scope="class")
        def provider(self) -> EmbeddingProvider:
            return MyProvider()

Give `reference` as well where another provider computes the same model: providers that share a
space (`EmbeddingSpace.id`) must agree to cosine 0.999.
"""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from baukasten_core.contracts.embedding import EmbeddingProvider
from baukasten_core.testing.texts import SENTENCES

AGREEMENT = 0.999
"""Lowest cosine between two vectors of the same text in the same space."""


class EmbeddingContract:
    """What every embedding provider promises."""

    @pytest.fixture(scope="class")
    def provider(self) -> EmbeddingProvider:
        """The provider under test."""
        raise NotImplementedError("give the fixture `provider`")

    @pytest.fixture(scope="class")
    def reference(self) -> EmbeddingProvider | None:
        """Another provider of the same model, or None."""
        return None

    async def test_is_a_provider_with_a_name_and_a_space(self, provider: EmbeddingProvider) -> None:
        await provider.embed(["first"])
        assert isinstance(provider, EmbeddingProvider)
        assert provider.name == provider.name.lower()
        assert provider.space.dimensions > 0
        assert provider.space.max_tokens > 0
        assert len(provider.space.id) == 16

    async def test_answers_float32_rows_of_unit_length(self, provider: EmbeddingProvider) -> None:
        vectors = await provider.embed(SENTENCES)
        assert vectors.dtype == np.float32
        assert vectors.shape == (len(SENTENCES), provider.space.dimensions)
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-3)

    async def test_no_texts_give_no_rows(self, provider: EmbeddingProvider) -> None:
        await provider.embed(["first"])
        vectors = await provider.embed([])
        assert vectors.shape == (0, provider.space.dimensions)
        assert vectors.dtype == np.float32

    async def test_rows_come_in_the_order_of_the_texts(self, provider: EmbeddingProvider) -> None:
        together = await provider.embed(SENTENCES)
        for index in (0, len(SENTENCES) // 2, len(SENTENCES) - 1):
            alone = (await provider.embed([SENTENCES[index]]))[0]
            assert int(np.argmax(together @ alone)) == index

    async def test_a_vector_does_not_depend_on_its_batch(self, provider: EmbeddingProvider) -> None:
        together = await provider.embed(SENTENCES)
        again = await provider.embed(SENTENCES)
        backwards = (await provider.embed(SENTENCES[::-1]))[::-1]
        alone = np.stack([(await provider.embed([text]))[0] for text in SENTENCES])
        for other in (again, backwards, alone):
            assert lowest_cosine(together, other) >= AGREEMENT

    async def test_queries_and_bulk_texts_share_the_space(
        self, provider: EmbeddingProvider
    ) -> None:
        bulk = await provider.embed(SENTENCES[:3], priority="bulk")
        query = await provider.embed(SENTENCES[:3], priority="query")
        assert lowest_cosine(bulk, query) >= AGREEMENT

    @pytest.mark.parametrize(
        "text",
        [
            "",
            " \n\t ",
            "ÄÖÜ ß",
            "日本語のテキスト",
            "שלום עולם",
            "👩🏽‍🔬 🚀",
            "a\u0000b",
            "\ud800 lone",
        ],
        ids=["empty", "blank", "umlauts", "japanese", "hebrew", "emoji", "nul", "surrogate"],
    )
    async def test_takes_any_text(self, provider: EmbeddingProvider, text: str) -> None:
        vectors = await provider.embed([text, SENTENCES[0]])
        assert np.isfinite(vectors).all()
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-3)

    async def test_takes_a_long_text(self, provider: EmbeddingProvider) -> None:
        vectors = await provider.embed(["word " * 100_000, "x" * 300_000])
        assert np.isfinite(vectors).all()

    async def test_answers_callers_at_the_same_time(self, provider: EmbeddingProvider) -> None:
        expected = await provider.embed(SENTENCES)
        answers = await asyncio.gather(
            *(provider.embed([text], priority="query") for text in SENTENCES),
        )
        assert lowest_cosine(expected, np.concatenate(answers)) >= AGREEMENT

    async def test_near_texts_are_nearer_than_far_ones(self, provider: EmbeddingProvider) -> None:
        near = ["The invoice is due on Friday.", "The invoice must be paid by Friday."]
        one, two, far = await provider.embed([*near, "Penguins breed on the sea ice."])
        assert one @ two > one @ far

    async def test_agrees_with_the_reference(
        self, provider: EmbeddingProvider, reference: EmbeddingProvider | None
    ) -> None:
        if reference is None:
            pytest.skip("no other provider of this model")
        texts = [*SENTENCES, " ".join(SENTENCES * 20)]
        ours, theirs = await provider.embed(texts), await reference.embed(texts)
        assert provider.space.id == reference.space.id
        assert lowest_cosine(ours, theirs) >= AGREEMENT


def lowest_cosine(left: np.ndarray, right: np.ndarray) -> float:
    """The lowest cosine between rows of the same place."""
    return float((left * right).sum(axis=1).min())
