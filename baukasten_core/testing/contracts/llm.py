"""The suite of the LLM contract.

    class TestMine(RemoteLLMContract):
        @pytest.fixture(scope="class")
        def server(self):
            with OpenAIEmulator() as server:   # the emulator whose protocol you speak
                yield server

        @pytest.fixture(scope="class")
        def provider(self, server) -> LLMProvider:
            return MyProvider(base_url=server.url)

`LLMContract` needs `provider` alone (a model in this process), `RemoteLLMContract` also `server`,
`KeyedLLMContract` also `keyless`: the provider without the key it needs.
"""

from __future__ import annotations

import asyncio
import base64
import pickle
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any, cast

import pytest

from baukasten_core.contracts.llm import (
    Event,
    Finished,
    GenerateRequest,
    Image,
    LLMProvider,
    Message,
    Source,
    TextDelta,
    Tool,
    ToolCall,
    ToolCallDelta,
)
from baukasten_core.contracts.streams import checked_stream
from baukasten_core.errors import (
    ModelNotFound,
    ProviderError,
    ProviderNotConfigured,
    ProviderRejected,
    ProviderTimeout,
    ProviderUnavailable,
    StreamInterrupted,
)
from baukasten_core.testing.emulators import (
    Asked,
    EmulatedToolCall,
    Emulator,
    OpenAIEmulator,
    Reply,
)

FOREVER = 600.0
"""Longer than any test waits: a server that is this slow must be left, not waited for."""

QUESTION = "When are invoices sent?"
SOURCES = (
    Source("Invoices are sent on the first working day of the month.", "Handbook"),
    Source("Glaciers carve valleys with round floors.", "Atlas"),
)
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}


def request_for(model: str, **changes: Any) -> GenerateRequest:
    """A question with sources, so that every provider can answer it."""
    quoted = "\n".join(f"[{n}] {source.text}" for n, source in enumerate(SOURCES, start=1))
    fields: dict[str, Any] = {
        "model": model,
        "messages": (
            Message("system", "Answer briefly."),
            Message("user", f"{quoted}\n\n{QUESTION}"),
        ),
        "sources": SOURCES,
        "timeout": 30.0,
    }
    return GenerateRequest(**{**fields, **changes})


def stream(provider: LLMProvider, request: GenerateRequest) -> AsyncGenerator[Event, None]:
    """As the gateway asks."""
    events = cast("AsyncGenerator[Event, None]", provider.generate(request))
    return checked_stream(events, seconds=request.timeout, name=provider.name)


async def answer(provider: LLMProvider, request: GenerateRequest) -> list[Event]:
    async with asyncio.timeout(60), aclosing(stream(provider, request)) as events:
        return [event async for event in events]


def text_of(events: Sequence[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


class LLMContract:
    """What every LLM provider promises."""

    @pytest.fixture(scope="class")
    def provider(self) -> LLMProvider:
        """The provider under test."""
        raise NotImplementedError("give the fixture `provider`")

    @pytest.fixture
    async def model(self, provider: LLMProvider) -> str:
        """A model to ask."""
        return (await provider.models())[0].name

    # --- answers ------------------------------------------------------------------------------

    async def test_is_a_provider_that_lists_its_models(self, provider: LLMProvider) -> None:
        assert isinstance(provider, LLMProvider)
        assert provider.name == provider.name.lower()
        models = await provider.models()
        assert models
        assert len({model.name for model in models}) == len(models)
        assert all(model.name for model in models)

    async def test_answers_with_text_and_exactly_one_end(
        self, provider: LLMProvider, model: str
    ) -> None:
        events = await answer(provider, request_for(model))
        *deltas, end = events
        assert isinstance(end, Finished)
        assert deltas
        assert all(isinstance(delta, TextDelta) and delta.text for delta in deltas)
        assert end.reason == "stop"
        assert end.model
        assert end.usage.prompt_tokens > 0
        assert end.usage.completion_tokens > 0

    async def test_its_events_cross_process_borders(
        self, provider: LLMProvider, model: str
    ) -> None:
        events = await answer(provider, request_for(model))
        assert pickle.loads(pickle.dumps(events)) == events

    async def test_answers_many_at_once(self, provider: LLMProvider, model: str) -> None:
        answers = await asyncio.gather(*(answer(provider, request_for(model)) for _ in range(20)))
        assert len({text_of(events) for events in answers}) == 1
        assert all(isinstance(events[-1], Finished) for events in answers)

    async def test_an_unknown_model_is_not_found(self, provider: LLMProvider) -> None:
        with pytest.raises(ModelNotFound, match="no-such-model"):
            await answer(provider, request_for("no-such-model"))

    async def test_a_stream_that_was_never_read_can_be_closed(
        self, provider: LLMProvider, model: str
    ) -> None:
        await stream(provider, request_for(model)).aclose()

    async def test_a_stream_can_be_left_after_its_first_piece(
        self, provider: LLMProvider, model: str
    ) -> None:
        async with aclosing(stream(provider, request_for(model))) as events:
            assert isinstance(await anext(events), TextDelta)
        assert text_of(await answer(provider, request_for(model)))


class RemoteLLMContract(LLMContract):
    """... and what a provider promises that asks a server."""

    @pytest.fixture(scope="class")
    def server(self) -> Emulator:
        """The emulator the provider talks to."""
        raise NotImplementedError("give the fixture `server`")

    @pytest.fixture
    def emulator(self, server: Emulator) -> Emulator:
        """The same, without faults and with nothing received."""
        server.reset()
        return server

    @pytest.fixture
    async def model(self, emulator: Emulator, provider: LLMProvider) -> str:
        name = (await provider.models())[0].name
        emulator.forget()
        return name

    # --- what reaches the server ----------------------------------------------------------------

    async def test_nothing_is_sent_before_the_first_piece_is_asked_for(
        self, emulator: Emulator, provider: LLMProvider, model: str
    ) -> None:
        emulator.forget()
        events = stream(provider, request_for(model))
        await asyncio.sleep(0)
        assert emulator.received == b""
        await events.aclose()
        assert emulator.received == b""

    async def test_every_turn_reaches_the_server(
        self, emulator: Emulator, provider: LLMProvider, model: str
    ) -> None:
        seen = listen(emulator)
        turns = (
            Message("system", "Be kind."),
            Message("user", "First."),
            Message("assistant", "Second."),
            Message("user", "Third."),
        )
        await answer(provider, request_for(model, messages=turns))
        assert [tuple(turn) for turn in seen[0].messages] == [
            (turn.role, turn.content) for turn in turns
        ]

    async def test_counts_tokens_as_the_server_does(
        self, emulator: Emulator, provider: LLMProvider, model: str
    ) -> None:
        seen = listen(emulator)
        end = (await answer(provider, request_for(model)))[-1]
        assert isinstance(end, Finished)
        assert end.usage.prompt_tokens == seen[0].tokens
        assert end.usage.completion_tokens == 5
        assert not end.usage.estimated

    async def test_an_answer_ends_at_its_limit(
        self, emulator: Emulator, provider: LLMProvider, model: str
    ) -> None:
        events = await answer(provider, request_for(model, max_tokens=2))
        assert text_of(events) == "This is"
        assert isinstance(events[-1], Finished)
        assert events[-1].reason == "length"

    async def test_an_answer_ends_at_a_stop_sequence(
        self, emulator: Emulator, provider: LLMProvider, model: str
    ) -> None:
        events = await answer(provider, request_for(model, stop=(" emulated",)))
        assert text_of(events) == "This is an"
        assert isinstance(events[-1], Finished)
        assert events[-1].reason == "stop"

    async def test_structured_output_is_asked_for(
        self, emulator: Emulator, provider: LLMProvider, model: str
    ) -> None:
        require(provider.capabilities.structured_output)
        seen = listen(emulator, Reply('{"a": "b"}'))
        events = await answer(provider, request_for(model, response_schema=SCHEMA))
        assert seen[0].schema == SCHEMA
        assert text_of(events) == '{"a": "b"}'

    async def test_tools_are_offered_called_and_answered(
        self, emulator: Emulator, provider: LLMProvider, model: str
    ) -> None:
        require(provider.capabilities.tools)
        seen = listen(emulator, Reply("", (EmulatedToolCall("weather", '{"city": "Ulm"}'),)))
        tools = (Tool("weather", "The weather in a city", {"type": "object"}),)
        events = await answer(provider, request_for(model, tools=tools))
        calls = [event.call for event in events if isinstance(event, ToolCallDelta)]
        assert seen[0].tools == ("weather",)
        assert [(call.name, call.arguments) for call in calls] == [("weather", '{"city": "Ulm"}')]
        assert isinstance(events[-1], Finished)
        assert events[-1].reason == "tool_calls"

        emulator.reset()
        turns = (
            Message("user", "How is the weather in Ulm?"),
            Message("assistant", "", tool_calls=tuple(calls)),
            Message("tool", "Sunny.", tool_call_id=calls[0].id),
        )
        assert text_of(await answer(provider, request_for(model, messages=turns, tools=tools)))
        assert b"Sunny." in emulator.received

    async def test_a_broken_tool_call_is_refused_before_it_is_sent(
        self, emulator: Emulator, provider: LLMProvider, model: str
    ) -> None:
        require(provider.capabilities.tools)
        turns = (
            Message("user", "Go."),
            Message("assistant", "", tool_calls=(ToolCall("call_1", "go", "{broken"),)),
        )
        # Protocols that carry the arguments as text may leave this to the model.
        try:
            await answer(provider, request_for(model, messages=turns))
        except ProviderRejected:
            assert emulator.received == b""

    async def test_images_reach_the_server(
        self, emulator: Emulator, provider: LLMProvider, model: str
    ) -> None:
        require(provider.capabilities.images)
        turns = (Message("user", "What is this?", images=(Image(b"pixels", "image/png"),)),)
        await answer(provider, request_for(model, messages=turns))
        assert base64.b64encode(b"pixels") in emulator.received

    async def test_a_refused_key_is_a_matter_of_configuration(
        self, emulator: Emulator, provider: LLMProvider, model: str
    ) -> None:
        emulator.faults.status = 401
        with pytest.raises(ProviderNotConfigured):
            await answer(provider, request_for(model))
        with pytest.raises(ProviderNotConfigured):
            await provider.models()

    # --- a server in trouble --------------------------------------------------------------------

    async def test_a_server_that_is_down_is_unavailable(
        self, emulator: Emulator, provider: LLMProvider, model: str
    ) -> None:
        with emulator.down():
            with pytest.raises(ProviderUnavailable):
                await provider.models()
            with pytest.raises(ProviderUnavailable):
                await answer(provider, request_for(model))
        assert text_of(await answer(provider, request_for(model)))

    async def test_a_connection_that_is_closed_at_once_is_unavailable(
        self, emulator: Emulator, provider: LLMProvider, model: str
    ) -> None:
        with emulator.down():  # so that no connection of before is used
            pass
        emulator.faults.refuse = True
        with pytest.raises(ProviderUnavailable):
            await answer(provider, request_for(model))

    @pytest.mark.parametrize("status", [429, 500, 503, 529])
    async def test_an_overloaded_server_is_unavailable_once(
        self, emulator: Emulator, provider: LLMProvider, model: str, status: int
    ) -> None:
        emulator.faults.status, emulator.faults.retry_after = status, 7
        with pytest.raises(ProviderUnavailable) as error:
            await answer(provider, request_for(model))
        assert error.value.headers["Retry-After"].isdigit()
        # Asking again is a wrapper's decision, so the provider asks once.
        assert len(emulator.requests) == 1

    async def test_a_request_the_server_refuses_is_rejected(
        self, emulator: Emulator, provider: LLMProvider, model: str
    ) -> None:
        emulator.faults.status = 400
        with pytest.raises(ProviderRejected):
            await answer(provider, request_for(model))

    async def test_a_redirect_is_not_followed(
        self, emulator: Emulator, provider: LLMProvider, model: str
    ) -> None:
        with OpenAIEmulator() as elsewhere:
            emulator.faults.redirect_to = elsewhere.origin
            with pytest.raises(ProviderError):
                await answer(provider, request_for(model))
            with pytest.raises(ProviderError):
                await provider.models()
            assert elsewhere.connections == 0

    async def test_a_slow_beginning_times_out(
        self, emulator: Emulator, provider: LLMProvider, model: str
    ) -> None:
        emulator.faults.first_delay = FOREVER
        with pytest.raises(ProviderTimeout):
            await answer(provider, request_for(model, timeout=0.3))
        assert await left(emulator)

    async def test_an_answer_that_takes_too_long_in_all_is_interrupted(
        self, emulator: Emulator, provider: LLMProvider, model: str
    ) -> None:
        emulator.faults.piece_delay = 0.2  # every piece comes in time, the whole does not
        with pytest.raises(StreamInterrupted):
            await answer(provider, request_for(model, timeout=0.5))
        assert await left(emulator)

    async def test_pieces_come_as_they_are_made_and_closing_closes_the_connection(
        self, emulator: Emulator, provider: LLMProvider, model: str
    ) -> None:
        require(provider.capabilities.streaming)
        emulator.faults.piece_delay = FOREVER
        async with asyncio.timeout(30), aclosing(stream(provider, request_for(model))) as events:
            assert await anext(events) == TextDelta("This")
        assert await left(emulator)

    async def test_a_cut_before_the_first_piece_is_unavailable(
        self, emulator: Emulator, provider: LLMProvider, model: str
    ) -> None:
        emulator.faults.cut_after = 0
        with pytest.raises(ProviderUnavailable):
            await answer(provider, request_for(model))

    async def test_a_cut_in_the_middle_is_an_interruption(
        self, emulator: Emulator, provider: LLMProvider, model: str
    ) -> None:
        emulator.faults.cut_after = 2
        events = stream(provider, request_for(model))
        assert text_of([await anext(events), await anext(events)]) == "This is"
        with pytest.raises(StreamInterrupted):
            await anext(events)

    async def test_an_error_in_the_middle_is_an_interruption(
        self, emulator: Emulator, provider: LLMProvider, model: str
    ) -> None:
        emulator.faults.error_after = 2
        with pytest.raises(StreamInterrupted):
            await answer(provider, request_for(model))
        emulator.faults.error_after = 0
        with pytest.raises(ProviderUnavailable):
            await answer(provider, request_for(model))

    @pytest.mark.parametrize("status", [400, 401, 404, 429, 500])
    async def test_errors_say_nothing_of_the_request_or_the_key(
        self, emulator: Emulator, provider: LLMProvider, model: str, status: int
    ) -> None:
        emulator.faults.status = status
        turns = (Message("user", "a-private-thing"),)
        with pytest.raises(ProviderError) as error:
            await answer(provider, request_for(model, messages=turns))
        said = f"{error.value.detail} {error.value.hint} {error.value.extra}"
        assert "a-private-thing" not in said
        assert "Bearer" not in said


class KeyedLLMContract(RemoteLLMContract):
    """... and one that needs a key."""

    @pytest.fixture(scope="class")
    def keyless(self) -> LLMProvider:
        """The provider without its key, pointed at `server`."""
        raise NotImplementedError("give the fixture `keyless`")

    async def test_a_missing_key_is_said_before_anything_is_sent(
        self, emulator: Emulator, keyless: LLMProvider
    ) -> None:
        with pytest.raises(ProviderNotConfigured, match="API key not configured"):
            await answer(keyless, request_for("any"))
        with pytest.raises(ProviderNotConfigured, match="API key not configured"):
            await keyless.models()
        assert (emulator.connections, bytes(emulator.received)) == (0, b"")


def listen(emulator: Emulator, reply: Reply | None = None) -> list[Asked]:
    """What the emulator will be asked."""
    seen: list[Asked] = []
    said = reply or Reply()

    def answering(asked: Asked) -> Reply:
        seen.append(asked)
        return said

    emulator.reply = answering
    return seen


def require(capability: bool) -> None:
    if not capability:
        pytest.skip("the provider does not declare this capability")


async def left(emulator: Emulator) -> bool:
    """Whether the client went away before the end of the last answer."""
    return await asyncio.to_thread(emulator.requests[-1].left.wait, 10.0)
