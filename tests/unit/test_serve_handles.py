"""Calls by handle: what the other side raised arrives, what died is asked again where it is safe.

Serve's handles are played by a stand-in that raises what Ray and Serve raise.
"""

from __future__ import annotations

import asyncio
import pickle
from typing import Any

import numpy as np
import pytest
from baukasten_serve import handles
from baukasten_serve.handles import EmbedderHandle, GatewayHandle, cause
from ray.exceptions import ActorDiedError, ActorUnavailableError, RayTaskError
from ray.serve.exceptions import BackPressureError

from baukasten_core.contracts.embedding import EmbeddingProvider, EmbeddingSpace
from baukasten_core.contracts.gateway import GatewayCall, LLMGateway, ModelListing, Routed
from baukasten_core.contracts.llm import Finished, GenerateRequest, Message, TextDelta, Usage
from baukasten_core.errors import (
    BadRequest,
    ProviderRejected,
    ProviderUnavailable,
    ResidencyViolation,
    StreamInterrupted,
    TooManyRequests,
)

SPACE = EmbeddingSpace("fake", "model", "1", 3)
DIED = ActorDiedError()
ROUTED = Routed("ollama", "ollama", "m", "local")
DONE = Finished("stop", Usage(1, 1), "m")
CALL = GatewayCall(GenerateRequest(model="", messages=(Message("user", "hello"),)))


class Response:
    """One answer, or one stream of events; exceptions among them are raised."""

    def __init__(self, outcome: Any) -> None:
        self.outcome = outcome
        self.cancelled = False

    def __await__(self) -> Any:
        return self._one().__await__()

    async def _one(self) -> Any:
        if isinstance(self.outcome, str):  # "hangs"
            await asyncio.sleep(3600)
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome

    async def __anext__(self) -> Any:
        if not self.outcome:
            raise StopAsyncIteration
        event = self.outcome.pop(0)
        if isinstance(event, Exception):
            raise event
        return event

    def cancel(self) -> None:
        self.cancelled = True


class Handle:
    """A Serve handle whose calls have these outcomes, one after the other."""

    def __init__(self, *outcomes: Any, replicas: bool = True) -> None:
        self.outcomes = list(outcomes)
        self.replicas = replicas
        self.calls: list[tuple[Any, ...]] = []
        self.responses: list[Response] = []

    def running_replicas_populated(self) -> bool:
        return self.replicas

    def options(self, **_: Any) -> Handle:
        return self

    def __getattr__(self, method: str) -> Any:
        if method.startswith("_"):
            raise AttributeError(method)

        class Method:
            @staticmethod
            def remote(*arguments: Any) -> Response:
                self.calls.append((method, *arguments))
                self.responses.append(Response(self.outcomes.pop(0)))
                return self.responses[-1]

        return Method


def raised_remotely(error: Exception) -> Exception:
    """As it arrives: pickled on the other side, wrapped by Ray."""
    wrapped = RayTaskError("method", "traceback", pickle.loads(pickle.dumps(error)))
    return wrapped.as_instanceof_cause()


async def events(handle: Handle) -> list[Any]:
    return [event async for event in GatewayHandle(handle).generate(CALL)]


def test_they_are_the_cores_contracts() -> None:
    assert isinstance(EmbedderHandle(SPACE, Handle()), EmbeddingProvider)
    assert isinstance(GatewayHandle(Handle()), LLMGateway)


async def test_embedding_is_asked_for_with_its_priority() -> None:
    handle = Handle(np.ones((2, 3), dtype=np.float32))
    vectors = await EmbedderHandle(SPACE, handle).embed(["a", "b"], priority="query")
    assert vectors.shape == (2, 3)
    assert handle.calls == [("embed", ["a", "b"], "query", "default")]
    assert (await EmbedderHandle(SPACE, Handle()).embed([])).shape == (0, 3)


async def test_a_space_that_only_the_models_server_knows_is_learnt_in_the_background(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(handles, "ASK_AGAIN_SECONDS", 0)
    embedder = EmbedderHandle(None, Handle(ProviderUnavailable("down"), SPACE))
    with pytest.raises(ProviderUnavailable, match="not answered yet") as caught:
        _ = embedder.space
    assert caught.value.headers["Retry-After"]
    assert embedder._learning is not None
    await embedder._learning
    assert embedder.space == SPACE


async def test_who_embeds_first_knows_the_space_afterwards() -> None:
    handle = Handle(SPACE, np.ones((1, 3), dtype=np.float32))
    embedder = EmbedderHandle(None, handle)
    assert (await embedder.embed(["a"])).shape == (1, 3)
    assert embedder.space == SPACE
    assert [call[0] for call in handle.calls] == ["space", "embed"]


@pytest.mark.parametrize("lost", [DIED, ActorUnavailableError("gone", b"0" * 16)])
async def test_embedding_is_repeated_when_its_replica_is_lost(lost: Exception) -> None:
    handle = Handle(lost, lost, np.zeros((1, 3), dtype=np.float32))
    assert (await EmbedderHandle(SPACE, handle).embed(["a"])).shape == (1, 3)
    assert len(handle.calls) == 3


async def test_a_replica_that_is_lost_again_and_again_is_unavailable() -> None:
    handle = Handle(*[DIED] * handles.ATTEMPTS)
    with pytest.raises(ProviderUnavailable) as caught:
        await EmbedderHandle(SPACE, handle).embed(["a"])
    assert caught.value.headers["Retry-After"]


@pytest.mark.parametrize(
    "error",
    [
        BadRequest("unknown instance", hint="known: ollama"),
        ResidencyViolation("not allowed there", region="us"),
        TooManyRequests("slowly", retry_after=7),
        ProviderUnavailable("down", retry_after=9),
    ],
)
async def test_our_errors_arrive_whole(error: Any) -> None:
    with pytest.raises(type(error)) as caught:
        await GatewayHandle(Handle(raised_remotely(error))).models()
    assert type(caught.value) is type(error)
    assert caught.value.problem() == error.problem()
    assert caught.value.headers == error.headers


async def test_too_much_to_do_is_unavailable() -> None:
    with pytest.raises(ProviderUnavailable, match="too much to do"):
        await GatewayHandle(Handle(BackPressureError(9, 8))).models()


async def test_no_replica_yet_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handles, "PATIENCE", 0.1)
    with pytest.raises(ProviderUnavailable, match="starting"):
        await EmbedderHandle(SPACE, Handle(replicas=False)).embed(["a"])


async def test_no_answer_in_time_is_unavailable_and_the_call_is_withdrawn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(handles, "MODELS_SECONDS", 0.05)
    handle = Handle("hangs")
    with pytest.raises(ProviderUnavailable, match="did not answer"):
        await GatewayHandle(handle).models()
    assert handle.responses[0].cancelled


async def test_a_listing_comes_back() -> None:
    handle = Handle(ModelListing())
    assert await GatewayHandle(handle).models(instance="ollama") == ModelListing()
    assert handle.calls == [("models", frozenset({"local"}), "ollama")]


async def test_events_come_in_order_and_the_stream_is_closed() -> None:
    handle = Handle([ROUTED, TextDelta("Hi"), DONE])
    assert await events(handle) == [ROUTED, TextDelta("Hi"), DONE]
    assert handle.responses[0].cancelled


async def test_an_answer_is_asked_for_again_before_its_first_event_only() -> None:
    handle = Handle([DIED], [ROUTED, DONE])
    assert await events(handle) == [ROUTED, DONE]
    assert len(handle.calls) == 2

    handle = Handle([ROUTED, TextDelta("Hi"), DIED], [ROUTED, DONE])
    with pytest.raises(StreamInterrupted):
        await events(handle)
    assert len(handle.calls) == 1


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (StreamInterrupted("broke off"), StreamInterrupted),
        (ProviderRejected("no"), ProviderRejected),
        (ProviderUnavailable("gone"), StreamInterrupted),
    ],
)
async def test_errors_within_a_stream(error: Exception, expected: type[Exception]) -> None:
    with pytest.raises(expected):
        await events(Handle([ROUTED, raised_remotely(error)]))


async def test_a_stream_that_ends_before_it_begins_is_interrupted() -> None:
    with pytest.raises(StreamInterrupted):
        await events(Handle([]))


async def test_closing_the_iterator_ends_the_work_on_the_other_side() -> None:
    handle = Handle([ROUTED, TextDelta("a"), TextDelta("b"), DONE])
    stream: Any = GatewayHandle(handle).generate(CALL)
    assert await anext(stream) == ROUTED
    await stream.aclose()
    assert handle.responses[0].cancelled


def test_what_is_not_wrapped_is_its_own_cause() -> None:
    error = ValueError("x")
    assert cause(error) is error
