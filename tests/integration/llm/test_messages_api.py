"""`/v1/messages` with Anthropic's own SDK, unchanged, and an emulated Ollama behind it."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from typing import Any

import anthropic
import httpx
import psycopg
import pytest
import pytest_asyncio

from baukasten_core.testing.emulators import (
    EmulatedToolCall,
    OllamaEmulator,
    OpenAIEmulator,
    Reply,
)
from baukasten_core.testing.fixtures_app import SignedIn
from baukasten_core.testing.fixtures_db import DatabaseUrls

TEXT = "This is an emulated answer."
ASK: list[Any] = [{"role": "user", "content": "Say something."}]
TOOL: Any = {"name": "weather", "description": "", "input_schema": {"type": "object"}}
WEATHER = EmulatedToolCall("weather", '{"city": "Ulm"}')


@pytest_asyncio.fixture
async def sdk(served: str, user: SignedIn) -> AsyncIterator[anthropic.AsyncAnthropic]:
    async with anthropic.AsyncAnthropic(
        base_url=served, api_key=user.token, max_retries=0
    ) as client:
        yield client


async def ask(sdk: anthropic.AsyncAnthropic, **changes: Any) -> anthropic.types.Message:
    values: Any = {"model": "ollama/tiny", "max_tokens": 50, "messages": ASK, **changes}
    answer: anthropic.types.Message = await sdk.messages.create(**values)
    return answer


async def test_it_answers(sdk: anthropic.AsyncAnthropic, ollama: OllamaEmulator) -> None:
    options = {"temperature": 0.5}  # which the SDK has no name for any more
    answer = await ask(sdk, system="Be brief.", stop_sequences=[" answer"], extra_body=options)
    assert [(block.type, block.text) for block in answer.content if block.type == "text"] == [
        ("text", "This is an emulated")
    ]
    assert (answer.stop_reason, answer.model) == ("end_turn", "ollama/tiny:latest")
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (4, 4)
    sent = ollama.requests[-1].json()
    assert sent["messages"][0] == {"role": "system", "content": "Be brief."}
    assert sent["options"]["temperature"] == 0.5


async def test_an_answer_that_was_too_long_says_so(
    sdk: anthropic.AsyncAnthropic, ollama: OllamaEmulator
) -> None:
    assert (await ask(sdk, max_tokens=2)).stop_reason == "max_tokens"


async def test_it_streams(sdk: anthropic.AsyncAnthropic, ollama: OllamaEmulator) -> None:
    async with sdk.messages.stream(model="ollama/tiny", max_tokens=50, messages=ASK) as stream:
        pieces = [piece async for piece in stream.text_stream]
        final = await stream.get_final_message()
    assert (len(pieces), "".join(pieces)) == (5, TEXT)
    assert final.stop_reason == "end_turn"
    assert (final.usage.input_tokens, final.usage.output_tokens) == (2, 5)


async def test_it_calls_tools_and_takes_what_they_answer(
    sdk: anthropic.AsyncAnthropic, ollama: OllamaEmulator
) -> None:
    ollama.reply = Reply("Let me look.", (WEATHER,))
    whole = await ask(sdk, tools=[TOOL])
    async with sdk.messages.stream(model="", max_tokens=50, messages=ASK, tools=[TOOL]) as stream:
        streamed = await stream.get_final_message()
    for answer in (whole, streamed):
        said, call = answer.content
        assert said.type == "text"
        assert call.type == "tool_use"
        assert (call.name, call.input) == ("weather", {"city": "Ulm"})
        assert answer.stop_reason == "tool_use"
    result = {"type": "tool_result", "tool_use_id": whole.content[1].id, "content": "Sunny."}  # type: ignore[union-attr]
    turns = [
        *ASK,
        {"role": "assistant", "content": whole.content},
        {"role": "user", "content": [result]},
    ]
    ollama.reply = Reply("It is sunny.")
    answer = await ask(sdk, messages=turns, tools=[TOOL])
    assert answer.content[0].type == "text"
    roles = [turn["role"] for turn in ollama.requests[-1].json()["messages"]]
    assert roles == ["user", "assistant", "tool"]
    assert b"Sunny." in ollama.received


async def test_it_shows_pictures_and_asks_for_a_form(
    sdk: anthropic.AsyncAnthropic, ollama: OllamaEmulator
) -> None:
    ollama.reply = Reply('{"a": 1}')
    picture = base64.b64encode(b"not really a picture").decode()
    source = {"type": "base64", "media_type": "image/png", "data": picture}
    content = [{"type": "text", "text": "What is this?"}, {"type": "image", "source": source}]
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
    form = {"format": {"type": "json_schema", "schema": schema}}
    await ask(sdk, messages=[{"role": "user", "content": content}], output_config=form)
    sent = ollama.requests[-1].json()
    assert (sent["messages"][0]["images"], sent["format"]) == ([picture], schema)


async def test_a_stream_that_breaks_ends_with_an_error(
    sdk: anthropic.AsyncAnthropic, ollama: OllamaEmulator
) -> None:
    ollama.faults.cut_after = 2
    pieces: list[str] = []

    async def listen() -> None:
        async with sdk.messages.stream(model="ollama/tiny", max_tokens=50, messages=ASK) as stream:
            async for piece in stream.text_stream:
                pieces.append(piece)

    with pytest.raises(anthropic.APIStatusError, match="broke off"):
        await listen()
    assert pieces == ["This", " is"]


async def test_errors_are_those_of_the_sdk(
    sdk: anthropic.AsyncAnthropic, ollama: OllamaEmulator, far: OpenAIEmulator
) -> None:
    with pytest.raises(anthropic.AuthenticationError):
        await ask(sdk.with_options(api_key="wrong"))
    with pytest.raises(anthropic.PermissionDeniedError, match="Nothing was sent"):
        await ask(sdk, model="far/tiny")
    with pytest.raises(anthropic.NotFoundError, match="tiny:latest"):
        await ask(sdk, model="ollama/absent")
    with pytest.raises(anthropic.BadRequestError, match="tool_choice"):
        await ask(sdk, tools=[TOOL], tool_choice={"type": "any"})
    with pytest.raises(anthropic.BadRequestError, match="max_tokens"):
        await ask(sdk, max_tokens=0)
    with ollama.down(), pytest.raises(anthropic.InternalServerError):
        await ask(sdk, model="ollama/tiny")
    assert far.connections == 0


async def test_arguments_that_are_no_object_are_an_error(
    sdk: anthropic.AsyncAnthropic,
    far: OpenAIEmulator,
    user: SignedIn,
    database_urls: DatabaseUrls,
) -> None:
    with psycopg.connect(database_urls.owner) as connection:
        connection.execute(
            "UPDATE core.tenants SET residency = '{local,us}' WHERE id = %s",
            [user.principal.tenant_id],
        )
    far.reply = Reply("", (EmulatedToolCall("weather", "[1]"),))
    with pytest.raises(anthropic.InternalServerError, match="no object"):
        await ask(sdk, model="far/tiny", tools=[TOOL])


async def test_a_bearer_token_is_taken_too(
    client: httpx.AsyncClient, user: SignedIn, ollama: OllamaEmulator
) -> None:
    body = {"model": "", "max_tokens": 5, "messages": ASK}
    answer = await client.post("/v1/messages", json=body, headers=user.headers)
    assert answer.json()["region"] == "local"
    nobody = await client.post("/v1/messages", json=body)
    assert (nobody.status_code, nobody.json()["error"]["type"]) == (401, "authentication_error")
