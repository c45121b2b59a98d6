"""Every embedding provider that ships, and the fake, through the contract suite."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable

import numpy as np
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from baukasten_core.contracts.embedding import EmbeddingProvider
from baukasten_core.errors import (
    InvalidOutput,
    ModelNotFound,
    ProviderError,
    ProviderNotConfigured,
    ProviderUnavailable,
)
from baukasten_core.providers.embedding import (
    ollama,
    openai_compatible,
    openvino,
    sentence_transformers,
)
from baukasten_core.testing.contracts.embedding import EmbeddingContract
from baukasten_core.testing.fakes import FakeEmbedder


class TestFake(EmbeddingContract):
    @pytest.fixture(scope="class")
    def provider(self) -> EmbeddingProvider:
        return FakeEmbedder()


class TestOpenVino(EmbeddingContract):
    @pytest.fixture(scope="class")
    def provider(self) -> EmbeddingProvider:
        return openvino.build(openvino.OpenVinoConfig(load_wait=300))

    @pytest.fixture(scope="class")
    def reference(self) -> EmbeddingProvider:
        return sentence_transformers.build(
            sentence_transformers.SentenceTransformersConfig(load_wait=300)
        )


class TestSentenceTransformers(EmbeddingContract):
    @pytest.fixture(scope="class")
    def provider(self) -> EmbeddingProvider:
        return sentence_transformers.build(
            sentence_transformers.SentenceTransformersConfig(load_wait=300)
        )


# --- servers ------------------------------------------------------------------------------


async def embed_ollama(request: Request) -> JSONResponse:
    body = await request.json()
    if body["model"] != "words":
        return JSONResponse({"error": "model not found"}, 404)
    vectors = await FakeEmbedder().embed(body["input"])
    return JSONResponse({"model": body["model"], "embeddings": (vectors * 3).tolist()})


async def embed_openai(request: Request) -> JSONResponse:
    body = await request.json()
    if request.headers["authorization"] != "Bearer right":
        return JSONResponse({"error": {"message": "no"}}, 401)
    vectors = (await FakeEmbedder().embed(body["input"])).tolist()
    data = [{"object": "embedding", "index": i, "embedding": v} for i, v in enumerate(vectors)]
    usage = {"prompt_tokens": 1, "total_tokens": 1}
    # Out of order on purpose: the index says which text a vector belongs to.
    return JSONResponse(
        {"object": "list", "data": data[::-1], "model": body["model"], "usage": usage}
    )


@pytest.fixture(scope="module")
async def server() -> AsyncIterator[str]:
    routes = [
        Route("/api/embed", embed_ollama, methods=["POST"]),
        Route("/v1/embeddings", embed_openai, methods=["POST"]),
    ]
    listening = socket.create_server(("127.0.0.1", 0))
    running = uvicorn.Server(uvicorn.Config(Starlette(routes=routes), log_level="error"))
    task = asyncio.create_task(running.serve(sockets=[listening]))
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    running.should_exit = True
    await task


@pytest.fixture
async def elsewhere() -> AsyncIterator[tuple[str, list[bytes]]]:
    """An address to which nothing may be sent, and what it was sent all the same."""
    received: list[bytes] = []

    async def keep(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.append(await reader.read(100))
        writer.close()

    server = await asyncio.start_server(keep, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", received


@pytest.fixture(params=["ollama", "openai_compatible"])
def remote(request: pytest.FixtureRequest) -> Callable[[str], EmbeddingProvider]:
    """Builds a provider that asks the server at an address."""
    if request.param == "openai_compatible":
        return lambda url: TestOpenAICompatible.build(f"{url}/v1", "right")
    return lambda url: ollama.build(ollama.OllamaEmbeddingConfig(base_url=url, model="words"))


async def test_a_redirect_to_elsewhere_carries_no_text(
    remote: Callable[[str], EmbeddingProvider], elsewhere: tuple[str, list[bytes]]
) -> None:
    url, received = elsewhere

    async def redirect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = f"HTTP/1.1 307 Moved\r\nLocation: {url}/there\r\nContent-Length: 0\r\n\r\n"
        writer.write(head.encode())
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(redirect, "127.0.0.1", 0) as server:
        origin = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        with pytest.raises(ProviderError):
            await remote(origin).embed(["a private text"])
    assert received == []


async def test_a_proxy_of_the_environment_is_not_used(
    remote: Callable[[str], EmbeddingProvider],
    server: str,
    elsewhere: tuple[str, list[bytes]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url, received = elsewhere
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, url)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    assert (await remote(server).embed(["a private text"])).shape == (1, 256)
    assert received == []


@pytest.fixture(scope="module")
def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
    return port


class TestOllama(EmbeddingContract):
    @pytest.fixture(scope="class")
    def provider(self, server: str) -> EmbeddingProvider:
        return ollama.build(ollama.OllamaEmbeddingConfig(base_url=server, model="words", batch=5))

    async def test_a_missing_model_says_how_to_pull_it(self, server: str) -> None:
        provider = ollama.build(ollama.OllamaEmbeddingConfig(base_url=server, model="other"))
        with pytest.raises(ModelNotFound) as caught:
            await provider.embed(["text"])
        assert "ollama pull other" in (caught.value.hint or "")

    async def test_a_server_that_is_down_is_unavailable(self, free_port: int) -> None:
        config = ollama.OllamaEmbeddingConfig(
            base_url=f"http://127.0.0.1:{free_port}", model="words"
        )
        with pytest.raises(ProviderUnavailable):
            await ollama.build(config).embed(["text"])

    async def test_the_space_is_unknown_before_the_first_answer(self, server: str) -> None:
        provider = ollama.build(ollama.OllamaEmbeddingConfig(base_url=server, model="words"))
        with pytest.raises(ProviderUnavailable):
            _ = provider.space
        await provider.embed(["text"])
        assert provider.space.dimensions == 256

    async def test_other_dimensions_than_configured_are_an_error(self, server: str) -> None:
        config = ollama.OllamaEmbeddingConfig(base_url=server, model="words", dimensions=384)
        with pytest.raises(InvalidOutput):
            await ollama.build(config).embed(["text"])


class TestOpenAICompatible(EmbeddingContract):
    @pytest.fixture(scope="class")
    def provider(self, server: str) -> EmbeddingProvider:
        return self.build(f"{server}/v1", "right")

    @staticmethod
    def build(base_url: str, key: str) -> EmbeddingProvider:
        config = openai_compatible.OpenAICompatibleEmbeddingConfig.model_validate(
            {"base_url": base_url, "model": "words", "api_key": key, "dimensions": 256}
        )
        return openai_compatible.build(config)

    async def test_a_wrong_key_is_a_matter_of_configuration(self, server: str) -> None:
        with pytest.raises(ProviderNotConfigured) as caught:
            await self.build(f"{server}/v1", "wrong").embed(["text"])
        assert "wrong" not in caught.value.detail

    async def test_a_server_that_is_down_is_unavailable(self, free_port: int) -> None:
        with pytest.raises(ProviderUnavailable):
            await self.build(f"http://127.0.0.1:{free_port}/v1", "right").embed(["text"])


async def test_vectors_of_a_server_are_scaled_to_unit_length(server: str) -> None:
    provider = ollama.build(ollama.OllamaEmbeddingConfig(base_url=server, model="words"))
    vectors = await provider.embed(["one two three"])
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)
