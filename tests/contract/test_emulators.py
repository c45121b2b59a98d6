"""The emulators are true enough for the vendors' unchanged SDKs."""

from __future__ import annotations

from typing import Any

import anthropic
import ollama
import openai
import pytest

from baukasten_core.testing.emulators import (
    AnthropicEmulator,
    EmulatedModel,
    EmulatedToolCall,
    OllamaEmulator,
    OpenAIEmulator,
    Reply,
    XAIEmulator,
)

TEXT = "This is an emulated answer."
ASK: list[Any] = [{"role": "user", "content": "Say something."}]
WEATHER = Reply("", (EmulatedToolCall("weather", '{"city": "Ulm"}'),))
TOOL: Any = {
    "type": "function",
    "function": {"name": "weather", "description": "", "parameters": {"type": "object"}},
}


# --- Ollama -----------------------------------------------------------------------------------


@pytest.fixture
def ollama_client(ollama_emulator: OllamaEmulator) -> ollama.Client:
    return ollama.Client(ollama_emulator.url, trust_env=False)


def test_ollama_sdk_chats_and_streams(ollama_client: ollama.Client) -> None:
    whole = ollama_client.chat("tiny", ASK)
    pieces = list(ollama_client.chat("tiny", ASK, stream=True))

    assert whole.message.content == TEXT
    assert "".join(piece.message.content or "" for piece in pieces) == TEXT
    assert pieces[-1].done_reason == "stop"
    assert (pieces[-1].prompt_eval_count, pieces[-1].eval_count) == (2, 5)


def test_ollama_sdk_lists_shows_pulls_and_embeds(
    ollama_emulator: OllamaEmulator, ollama_client: ollama.Client
) -> None:
    ollama_emulator.models = ()
    progress = list(ollama_client.pull("tiny", stream=True))

    assert progress[-1].status == "success"
    assert [model.model for model in ollama_client.list().models] == ["tiny:latest"]
    assert ollama_client.show("tiny").capabilities == ["completion", "tools"]
    assert list(ollama_client.ps().models) == []
    ollama_client.chat("tiny", [{"role": "user", "content": "Hello."}])
    assert [model.model for model in ollama_client.ps().models] == ["tiny:latest"]
    assert len(ollama_client.embed("tiny", ["a", "b"]).embeddings) == 2


def test_ollama_sdk_sees_its_errors(
    ollama_emulator: OllamaEmulator, ollama_client: ollama.Client
) -> None:
    with pytest.raises(ollama.ResponseError, match="model 'other' not found") as missing:
        ollama_client.chat("other", ASK)
    assert missing.value.status_code == 404
    with pytest.raises(ollama.ResponseError, match="file does not exist"):
        list(ollama_client.pull("other", stream=True))
    ollama_emulator.faults.status = 503
    with pytest.raises(ollama.ResponseError, match="server busy"):
        ollama_client.list()
    with ollama_emulator.down(), pytest.raises(ConnectionError):
        ollama_client.list()


def test_ollama_sdk_calls_tools(
    ollama_emulator: OllamaEmulator, ollama_client: ollama.Client
) -> None:
    ollama_emulator.reply = WEATHER
    answer = ollama_client.chat("tiny", ASK, tools=[TOOL])
    assert answer.message.tool_calls is not None
    assert answer.message.tool_calls[0].function.arguments == {"city": "Ulm"}


# --- Anthropic --------------------------------------------------------------------------------


@pytest.fixture
def anthropic_client(anthropic_emulator: AnthropicEmulator) -> anthropic.Anthropic:
    return anthropic.Anthropic(base_url=anthropic_emulator.url, api_key="key", max_retries=0)


def anthropic_ask(client: anthropic.Anthropic, **options: Any) -> Any:
    return client.messages.create(
        **{"model": "claude-tiny-1", "max_tokens": 100, "messages": ASK, **options}
    )


def test_anthropic_sdk_asks_and_streams(anthropic_client: anthropic.Anthropic) -> None:
    whole = anthropic_ask(anthropic_client)
    with anthropic_client.messages.stream(
        model="claude-tiny-1", max_tokens=3, messages=ASK
    ) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()

    assert whole.content[0].type == "text"
    assert whole.content[0].text == TEXT
    assert text == "This is an"
    assert (final.stop_reason, final.usage.output_tokens) == ("max_tokens", 3)


def test_anthropic_sdk_lists_models_and_calls_tools(
    anthropic_emulator: AnthropicEmulator, anthropic_client: anthropic.Anthropic
) -> None:
    anthropic_emulator.reply = WEATHER
    tool: Any = {"name": "weather", "input_schema": {"type": "object"}}
    with anthropic_client.messages.stream(
        model="claude-tiny-1", max_tokens=100, messages=ASK, tools=[tool]
    ) as stream:
        final = stream.get_final_message()

    assert [model.id for model in anthropic_client.models.list()] == ["claude-tiny-1"]
    assert final.content[-1].type == "tool_use"
    assert final.content[-1].input == {"city": "Ulm"}


def test_anthropic_sdk_sees_its_errors(
    anthropic_emulator: AnthropicEmulator, anthropic_client: anthropic.Anthropic
) -> None:
    with pytest.raises(anthropic.NotFoundError, match="model: other"):
        anthropic_ask(anthropic_client, model="other")
    with pytest.raises(anthropic.BadRequestError, match="Extra inputs are not permitted"):
        anthropic_ask(anthropic_client, extra_body={"temperature": 1.0})
    anthropic_emulator.api_key = "another"
    with pytest.raises(anthropic.AuthenticationError):
        anthropic_ask(anthropic_client)
    anthropic_emulator.faults.status = 529
    with pytest.raises(anthropic.OverloadedError):
        anthropic_ask(anthropic_client)


# --- OpenAI and xAI ---------------------------------------------------------------------------


@pytest.fixture
def openai_client(openai_emulator: OpenAIEmulator) -> openai.OpenAI:
    return openai.OpenAI(base_url=openai_emulator.url, api_key="none", max_retries=0)


def test_openai_sdk_asks_and_streams(openai_client: openai.OpenAI) -> None:
    whole = openai_client.chat.completions.create(model="tiny", messages=ASK)
    chunks = list(
        openai_client.chat.completions.create(
            model="tiny", messages=ASK, stream=True, stream_options={"include_usage": True}
        )
    )

    assert whole.choices[0].message.content == TEXT
    assert whole.usage is not None
    assert whole.usage.total_tokens == 7
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == TEXT
    assert chunks[-1].usage == whole.usage


def test_openai_sdk_lists_embeds_and_calls_tools(
    openai_emulator: OpenAIEmulator, openai_client: openai.OpenAI
) -> None:
    openai_emulator.reply = WEATHER
    with openai_client.chat.completions.stream(model="tiny", messages=ASK, tools=[TOOL]) as stream:
        message = stream.get_final_completion().choices[0].message
    as_floats = openai_client.embeddings.create(model="tiny", input="text", encoding_format="float")
    as_default = openai_client.embeddings.create(model="tiny", input=["text"])

    assert [model.id for model in openai_client.models.list()] == ["tiny"]
    assert message.tool_calls is not None
    assert message.tool_calls[0].function.arguments == '{"city": "Ulm"}'
    assert as_default.data[0].embedding == pytest.approx(as_floats.data[0].embedding, abs=1e-6)


def test_openai_sdk_sees_its_errors(
    openai_emulator: OpenAIEmulator, openai_client: openai.OpenAI
) -> None:
    with pytest.raises(openai.NotFoundError, match="does not exist") as missing:
        openai_client.chat.completions.create(model="other", messages=ASK)
    assert missing.value.code == "model_not_found"
    openai_emulator.api_key = "another"
    with pytest.raises(openai.AuthenticationError):
        openai_client.models.list()
    openai_emulator.api_key = None
    openai_emulator.faults.error_after = 2
    with pytest.raises(openai.APIError, match="had an error"):
        list(openai_client.chat.completions.create(model="tiny", messages=ASK, stream=True))


def test_xai_refuses_a_wrong_key_with_400(xai_emulator: XAIEmulator) -> None:
    right = openai.OpenAI(base_url=xai_emulator.url, api_key="xai-key", max_retries=0)
    wrong = openai.OpenAI(base_url=xai_emulator.url, api_key="wrong", max_retries=0)

    assert [model.id for model in right.models.list()] == ["grok-tiny"]
    with pytest.raises(openai.BadRequestError) as refused:
        wrong.models.list()
    assert "Incorrect API key" in refused.value.response.text


# --- what all of them can do ------------------------------------------------------------------


def test_every_byte_is_recorded(openai_emulator: OpenAIEmulator) -> None:
    assert (openai_emulator.connections, bytes(openai_emulator.received)) == (0, b"")
    client = openai.OpenAI(base_url=openai_emulator.url, api_key="none", max_retries=0)
    client.chat.completions.create(model="tiny", messages=ASK)

    assert b"Say something." in openai_emulator.received
    assert openai_emulator.received.startswith(b"POST /v1/chat/completions HTTP/1.1")
    openai_emulator.forget()
    assert openai_emulator.received == b""


def test_a_cut_stream_ends_without_its_end(
    openai_emulator: OpenAIEmulator, openai_client: openai.OpenAI
) -> None:
    openai_emulator.faults.cut_after = 2
    stream = openai_client.chat.completions.create(model="tiny", messages=ASK, stream=True)

    assert [next(stream).choices[0].delta.content for _ in range(3)] == ["", "This", " is"]
    with pytest.raises(openai.APIConnectionError):
        next(stream)


def test_a_refused_connection_and_a_redirect(openai_emulator: OpenAIEmulator) -> None:
    client = openai.OpenAI(base_url=openai_emulator.url, api_key="none", max_retries=0)
    with OpenAIEmulator(models=(EmulatedModel("elsewhere"),)) as other:
        openai_emulator.faults.redirect_to = other.origin
        assert [model.id for model in client.models.list()] == ["elsewhere"]
    openai_emulator.faults.refuse = True
    with pytest.raises(openai.APIConnectionError):
        client.models.list()


def test_a_client_that_leaves_is_noticed(openai_emulator: OpenAIEmulator) -> None:
    openai_emulator.faults.piece_delay = 60.0
    client = openai.OpenAI(base_url=openai_emulator.url, api_key="none", max_retries=0)
    stream = client.chat.completions.create(model="tiny", messages=ASK, stream=True)
    next(stream)
    stream.close()
    client.close()

    assert openai_emulator.requests[0].left.wait(5)
