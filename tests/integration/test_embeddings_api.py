"""`/v1/embeddings` with the model that ships behind it and OpenAI's own client before it."""

from __future__ import annotations

import asyncio
import base64
import dataclasses
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import numpy as np
import openai
import pytest
import pytest_asyncio
import tokenizers
from fastapi import FastAPI

from baukasten_core.contracts.embedding import EmbeddingProvider
from baukasten_core.documents.embedders import Embedders
from baukasten_core.providers.embedding.weights import LocalModelConfig
from baukasten_core.services import Services
from baukasten_core.settings import Settings
from baukasten_core.testing.fakes import FakeEmbedder
from baukasten_core.testing.fixtures_app import SignedIn, test_settings
from baukasten_core.testing.fixtures_db import DatabaseUrls

TEXTS = ["A heron waits at the water.", "Bread rises in the oven."]
LONG = "word " * 400
MOST_WAITING = 3


@pytest.fixture(scope="module")
def app_settings(database_urls: DatabaseUrls, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    home = tmp_path_factory.mktemp("home")
    return test_settings(home, database_urls, embedding={"max_queue": MOST_WAITING})


@pytest_asyncio.fixture(loop_scope="session")
async def sdk(served: str, user: SignedIn) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(
        base_url=f"{served}/v1", api_key=user.token, max_retries=0
    ) as client:
        yield client


async def embed(sdk: openai.AsyncOpenAI, given: Any, **options: Any) -> Any:
    return await sdk.embeddings.create(model="", input=given, **options)


def rows(answer: Any) -> np.ndarray:
    assert [item.index for item in answer.data] == list(range(len(answer.data)))
    return np.array([item.embedding for item in answer.data], dtype=np.float32)


async def test_a_text_and_a_list_of_texts_give_unit_vectors_in_order(
    sdk: openai.AsyncOpenAI,
) -> None:
    many = rows(await embed(sdk, TEXTS))
    assert many.shape == (2, 384)
    np.testing.assert_allclose(np.linalg.norm(many, axis=1), 1, atol=1e-3)
    for vector, text in zip(many, TEXTS, strict=True):
        alone = rows(await embed(sdk, text))
        assert (alone[0] @ vector) > 0.999


async def test_floats_and_base64_say_the_same(
    client: httpx.AsyncClient, user: SignedIn, sdk: openai.AsyncOpenAI
) -> None:
    floats = rows(await embed(sdk, TEXTS, encoding_format="float"))
    np.testing.assert_allclose(rows(await embed(sdk, TEXTS)), floats, atol=1e-3)
    body = {"input": TEXTS[0], "encoding_format": "base64"}
    answer = await client.post("/v1/embeddings", json=body, headers=user.headers)
    packed = answer.json()["data"][0]["embedding"]
    unpacked = np.frombuffer(base64.b64decode(packed), dtype="<f4")
    np.testing.assert_allclose(unpacked, floats[0], atol=1e-3)


async def test_tokens_and_lists_of_tokens_mean_what_their_text_does(
    sdk: openai.AsyncOpenAI,
) -> None:
    tokenizer = tokenizers.Tokenizer.from_file(str(LocalModelConfig().path / "tokenizer.json"))
    tokenizer.no_padding()
    tokens = [tokenizer.encode(text).ids for text in TEXTS]
    texts = rows(await embed(sdk, TEXTS))
    for given in (tokens, [ids[1:-1] for ids in tokens]):
        assert ((rows(await embed(sdk, given)) * texts).sum(axis=1) > 0.999).all()
    assert rows(await embed(sdk, tokens[0])) @ texts[0] > 0.999


async def test_usage_counts_the_tokens_that_were_read(sdk: openai.AsyncOpenAI) -> None:
    answer = await embed(sdk, ["one", "one two"])
    assert answer.usage.prompt_tokens == answer.usage.total_tokens == 3 + 4
    assert (await embed(sdk, LONG)).usage.total_tokens == 256


async def test_which_texts_were_cut_is_told(sdk: openai.AsyncOpenAI) -> None:
    assert (await embed(sdk, [TEXTS[0], LONG, "x", LONG])).truncated == [1, 3]
    assert (await embed(sdk, TEXTS)).truncated == []


async def test_the_model_s_own_number_of_dimensions_may_be_asked_for(
    sdk: openai.AsyncOpenAI,
) -> None:
    assert rows(await embed(sdk, "x", dimensions=384)).shape == (1, 384)
    with pytest.raises(openai.BadRequestError, match="384 dimensions"):
        await embed(sdk, "x", dimensions=64)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("", "number 0 is empty"),
        ([], "send a text"),
        (None, "send a text"),
        (7, "send a text"),
        ({"text": "x"}, "send a text"),
        ([TEXTS[0], ""], "number 1 is empty"),
        ([TEXTS[0], [5]], "texts only, or tokens only"),
        ([[5], []], "number 1 is empty"),
        ([5, "x"], "not a whole number"),
        ([5, True], "not a whole number"),
        ([[5], [5.5]], "not a whole number"),
        ([None], "not a whole number"),
        ([TEXTS[0], None], "neither a text nor"),
        (["x"] * 2049, "2049 inputs; at most 2048"),
        ([100_000], "0 to 30521"),
    ],
    ids=str,
)
async def test_input_that_is_none_is_an_error_that_says_what_is_wrong(
    sdk: openai.AsyncOpenAI, given: Any, says: str
) -> None:
    with pytest.raises(openai.BadRequestError, match=says) as caught:
        await sdk.post("/embeddings", body={"input": given, "model": ""}, cast_to=object)
    assert caught.value.type == "invalid_request_error"


async def test_a_model_that_is_not_here_is_404(sdk: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="all-MiniLM-L6-v2"):
        await sdk.embeddings.create(model="text-embedding-3-small", input="x")


async def test_more_than_the_queue_takes_is_503_with_a_time_to_come_back(
    sdk: openai.AsyncOpenAI,
) -> None:
    answers = await asyncio.gather(
        *(embed(sdk, [LONG] * 8) for _ in range(3 * MOST_WAITING)), return_exceptions=True
    )
    refused = [answer for answer in answers if isinstance(answer, openai.InternalServerError)]
    assert len(refused) == 2 * MOST_WAITING
    assert {answer.status_code for answer in refused} == {503}
    assert all(int(answer.response.headers["retry-after"]) > 0 for answer in refused)
    assert rows(await embed(sdk, TEXTS)).shape == (2, 384)


# --- providers that count nothing -----------------------------------------------------------------


@pytest.fixture
def fake(app: FastAPI, services: Services) -> Iterator[EmbeddingProvider]:
    """A provider that answers vectors and no more than that."""
    embedder = FakeEmbedder(8)
    app.state.services = dataclasses.replace(services, embedders=Embedders(embedder))
    yield embedder
    app.state.services = services


async def test_usage_of_a_provider_that_does_not_count_is_estimated(
    sdk: openai.AsyncOpenAI, fake: EmbeddingProvider
) -> None:
    answer = await embed(sdk, ["12345678", "123"])
    assert answer.usage.total_tokens == 3
    assert answer.truncated is None


async def test_a_provider_without_a_tokenizer_takes_no_tokens(
    sdk: openai.AsyncOpenAI, fake: EmbeddingProvider
) -> None:
    with pytest.raises(openai.BadRequestError, match="texts only"):
        await embed(sdk, [1, 2])
