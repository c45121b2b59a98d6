"""`/llm` and `/v1` over HTTP, with emulated vendors behind them and the vendors' SDKs before."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import httpx
import numpy as np
import openai
import psycopg
import pytest
import pytest_asyncio

from baukasten_core.services import Services
from baukasten_core.testing.emulators import (
    EmulatedModel,
    EmulatedToolCall,
    OllamaEmulator,
    OpenAIEmulator,
    Reply,
)
from baukasten_core.testing.fixtures_app import SignedIn
from baukasten_core.testing.fixtures_db import DatabaseUrls

TEXT = "This is an emulated answer."
SOURCE = "Invoices are sent on the first working day of the month."
USAGE = {"prompt_tokens": 2, "completion_tokens": 5, "total_tokens": 7}
TOOL: Any = {
    "type": "function",
    "function": {"name": "weather", "description": "", "parameters": {"type": "object"}},
}


Client = httpx.AsyncClient


async def ask(client: Client, user: SignedIn, **body: Any) -> httpx.Response:
    body.setdefault("prompt", "Say something.")
    return await client.post("/llm/generate", json=body, headers=user.headers)


# --- /llm/generate ----------------------------------------------------------------------------


async def test_an_answer_says_who_gave_it(
    client: Client, user: SignedIn, ollama: OllamaEmulator
) -> None:
    response = await ask(client, user, provider="OLLAMA", system="Be brief.", max_tokens=50)
    body = response.json()
    assert response.status_code == 200
    assert (body["response"], body["provider"], body["model"]) == (TEXT, "ollama", "tiny:latest")
    assert (body["region"], body["finish_reason"]) == ("local", "stop")
    assert body["usage"] == {"prompt_tokens": 4, "completion_tokens": 5, "total_tokens": 9}
    sent = ollama.requests[-1].json()
    assert sent["messages"][0] == {"role": "system", "content": "Be brief."}
    assert (sent["options"]["temperature"], sent["options"]["num_predict"]) == (0.3, 50)


async def test_it_needs_a_sign_in(client: Client) -> None:
    for method, path in (
        ("POST", "/llm/generate"),
        ("GET", "/llm/models"),
        ("POST", "/llm/embed"),
        ("POST", "/v1/chat/completions"),
        ("GET", "/v1/models"),
    ):
        assert (await client.request(method, path, json={})).status_code == 401, path


async def test_an_unknown_provider_lists_the_known(client: Client, user: SignedIn) -> None:
    response = await ask(client, user, provider="nobody")
    assert response.status_code == 400
    assert response.json()["detail"].startswith("Unknown provider `nobody`; known: `anthropic`, ")


async def test_a_provider_without_a_key_says_so(client: Client, user: SignedIn) -> None:
    response = await ask(client, user, provider="anthropic")
    assert response.status_code == 400
    assert response.json()["detail"] == "Anthropic API key not configured"


async def test_a_named_provider_that_is_down_is_503_with_retry_after(
    client: Client, user: SignedIn, ollama: OllamaEmulator
) -> None:
    with ollama.down():
        response = await ask(client, user, provider="ollama", sources=[{"text": SOURCE}])
    assert response.status_code == 503
    assert response.headers["Retry-After"]


async def test_a_missing_model_is_404_with_what_is_there_and_how_to_pull(
    client: Client, user: SignedIn, ollama: OllamaEmulator
) -> None:
    response = await ask(client, user, provider="ollama", model="large")
    body = response.json()
    assert response.status_code == 404
    assert "`tiny:latest`" in body["detail"]
    assert "baukasten models pull large" in body["hint"]


async def test_data_does_not_leave_its_residency(
    client: Client, user: SignedIn, far: OpenAIEmulator, database_urls: DatabaseUrls
) -> None:
    response = await ask(client, user, provider="far", model="tiny")
    assert response.status_code == 403
    assert response.json()["type"] == "/problems/residency"
    assert (far.connections, bytes(far.received)) == (0, b"")
    audit = "SELECT action, outcome, details FROM core.audit WHERE user_id = %s"
    with psycopg.connect(database_urls.owner) as connection:
        ((action, outcome, details),) = connection.execute(audit, [user.id]).fetchall()
    assert (action, outcome, details["region"]) == ("residency.refused", "refused", "us")

    with psycopg.connect(database_urls.owner) as connection:
        connection.execute(
            "UPDATE core.tenants SET residency = '{local,us}' WHERE id = %s",
            [user.principal.tenant_id],
        )
    allowed = await ask(client, user, provider="far", model="tiny")
    assert (allowed.status_code, allowed.json()["region"]) == (200, "us")


async def test_without_a_model_sources_are_quoted_and_a_bare_prompt_says_how_to_add_one(
    client: Client, user: SignedIn, ollama: OllamaEmulator
) -> None:
    with ollama.down():
        quoted = await ask(
            client, user, prompt="When are invoices sent?", sources=[{"text": SOURCE}]
        )
        bare = await ask(client, user)
    assert quoted.json()["response"] == f"{SOURCE} [1]"
    assert (quoted.json()["provider"], quoted.json()["model"]) == ("extractive", "extractive")
    assert bare.status_code == 503
    assert "ollama pull" in bare.json()["hint"]
    assert bare.headers["Retry-After"]


async def test_a_projects_documents_are_the_sources(
    client: Client, user: SignedIn, services: Services, ollama: OllamaEmulator
) -> None:
    made = await client.post(
        "/projects", json={"name": "Handbook", "type": "other"}, headers=user.headers
    )
    project_id = made.json()["id"]
    ask_it: dict[str, Any] = {"prompt": "When are invoices sent?", "project_id": project_id}
    with ollama.down():
        assert (await ask(client, user, **ask_it)).status_code == 503
    added = await client.post(
        "/documents/text",
        json={"content": SOURCE, "title": "Billing", "project_id": project_id},
        headers=user.headers,
    )
    handler = services.documents.handlers()["documents.ingest"]
    await handler.run(user.principal.scope, UUID(added.json()["id"]))
    with ollama.down():
        quoted = await ask(client, user, **ask_it)
    answered = await ask(client, user, **ask_it)

    assert quoted.json()["response"] == f"{SOURCE} [1]"
    assert answered.json()["provider"] == "ollama"
    assert f"[1] Billing\n{SOURCE}" in ollama.requests[-1].json()["messages"][-1]["content"]


@pytest.mark.parametrize(("scopes", "status"), [(["llm"], 403), (["read", "llm"], 200)])
async def test_a_key_that_may_not_read_gets_no_passages_through_a_model(
    client: Client, user: SignedIn, ollama: OllamaEmulator, scopes: list[str], status: int
) -> None:
    body = {"name": "Handbook", "type": "other"}
    project_id = (await client.post("/projects", json=body, headers=user.headers)).json()["id"]
    body = {"content": SOURCE, "project_id": project_id}
    await client.post("/documents/text", json=body, headers=user.headers)
    key = {"name": "a program", "scopes": scopes}
    made = (await client.post("/auth/api-keys", json=key, headers=user.headers)).json()
    headers = {"Authorization": f"Bearer {made['key']}"}
    question = "When are invoices sent?"
    chat = {"messages": [{"role": "user", "content": question}], "project_id": project_id}
    generate: dict[str, Any] = {"prompt": question, "project_id": project_id}
    for path, asked in (("/llm/generate", generate), ("/v1/chat/completions", chat)):
        answer = await client.post(path, json=asked, headers=headers)
        assert (path, answer.status_code) == (path, status)
    given = await client.post(
        "/llm/generate", json={**generate, "sources": [{"text": SOURCE}]}, headers=headers
    )
    assert given.status_code == 200


async def test_sources_reach_the_model_numbered(
    client: Client, user: SignedIn, ollama: OllamaEmulator
) -> None:
    sources = [{"text": SOURCE, "title": "Handbook"}, {"text": "Bread rises."}]
    response = await ask(client, user, sources=sources)
    prompt = ollama.requests[-1].json()["messages"][-1]["content"]
    assert f"[1] Handbook\n{SOURCE}" in prompt
    assert prompt.endswith("Say something.")
    assert [item["title"] for item in response.json()["sources"]] == ["Handbook", ""]


async def test_a_project_that_is_not_ones_own_is_not_found(
    client: Client, user: SignedIn, other_user: SignedIn, ollama: OllamaEmulator
) -> None:
    made = await client.post(
        "/projects", json={"name": "Theirs", "type": "other"}, headers=other_user.headers
    )
    for project_id in (made.json()["id"], str(uuid4())):
        assert (await ask(client, user, project_id=project_id)).status_code == 404
    assert b"Say something" not in ollama.received


@pytest.mark.parametrize(
    "wrong",
    [
        {"prompt": ""},
        {"prompt": "\ud800"},
        {"prompt": "a\x00b"},
        {"temperature": 2.1},
        {"max_tokens": 0},
        {"max_tokens": 100_001},
        {"timeout": 0.5},
        {"timeout": 601},
        {"sources": [{"text": ""}]},
    ],
)
async def test_what_does_not_fit_is_422(
    client: Client, user: SignedIn, wrong: dict[str, Any]
) -> None:
    response = await client.post(
        "/llm/generate",
        content=json.dumps({"prompt": "Hi", **wrong}),
        headers={**user.headers, "Content-Type": "application/json"},
    )
    assert response.status_code == 422
    assert isinstance(response.json()["detail"], list)


async def test_usage_is_kept_and_added_up_for_admins(
    client: Client,
    user: SignedIn,
    admin: SignedIn,
    ollama: OllamaEmulator,
    database_urls: DatabaseUrls,
) -> None:
    await ask(client, user)
    query = "SELECT instance, outcome, completion_tokens FROM core.llm_usage WHERE user_id = %s"
    async with asyncio.timeout(20):
        while True:  # written within a second, in the background
            with psycopg.connect(database_urls.owner) as connection:
                rows = connection.execute(query, [user.id]).fetchall()
            if rows:
                break
            await asyncio.sleep(0.1)
    assert rows == [("ollama", "answered", 5)]
    stats = (await client.get("/admin/stats", headers=admin.headers)).json()
    (row,) = [row for row in stats["usage"] if row["instance"] == "ollama"]
    assert row["answered"] >= 1
    assert row["completion_tokens"] >= 5


# --- streaming --------------------------------------------------------------------------------


def events_of(text: str) -> list[tuple[str, Any]]:
    events = []
    for block in text.strip().split("\n\n"):
        name, data = block.split("\n", 1)
        events.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return events


async def test_an_answer_streams(client: Client, user: SignedIn, ollama: OllamaEmulator) -> None:
    response = await ask(client, user, stream=True)
    events = events_of(response.text)
    assert response.headers["content-type"].startswith("text/event-stream")
    assert events[0] == (
        "start",
        {"provider": "ollama", "model": "tiny:latest", "region": "local", "sources": []},
    )
    assert "".join(data["text"] for name, data in events if name == "text") == TEXT
    assert events[-1] == (
        "end",
        {"model": "tiny:latest", "finish_reason": "stop", "usage": USAGE},
    )


async def test_a_stream_that_cannot_begin_is_an_ordinary_error(
    client: Client, user: SignedIn, ollama: OllamaEmulator
) -> None:
    response = await ask(client, user, stream=True, provider="nobody")
    assert (response.status_code, response.json()["title"]) == (400, "Bad request")


async def test_a_stream_that_breaks_off_ends_with_an_error(
    client: Client, user: SignedIn, ollama: OllamaEmulator
) -> None:
    ollama.faults.cut_after = 2
    streamed = await ask(client, user, stream=True)
    whole = await ask(client, user)
    name, problem = events_of(streamed.text)[-1]
    assert (name, problem["type"]) == ("error", "/problems/stream-interrupted")
    assert (whole.status_code, whole.json()["type"]) == (502, "/problems/stream-interrupted")


async def test_pieces_come_at_once_and_a_client_that_leaves_ends_the_work(
    served: str, user: SignedIn, ollama: OllamaEmulator
) -> None:
    ollama.faults.piece_delay = 600.0
    async with (
        asyncio.timeout(30),
        httpx.AsyncClient(base_url=served, headers=user.headers) as client,
        client.stream("POST", "/llm/generate", json={"prompt": "Hi", "stream": True}) as response,
    ):
        async for line in response.aiter_lines():
            if line == "event: text":
                break
    assert await asyncio.to_thread(ollama.requests[-1].left.wait, 10.0)


# --- /llm/models, /llm/embed ------------------------------------------------------------------


async def test_models_are_asked_live(
    client: Client, user: SignedIn, ollama: OllamaEmulator, far: OpenAIEmulator
) -> None:
    ollama.models = (EmulatedModel("new:latest"), EmulatedModel("big-cloud", hosted=True))
    body = (await client.get("/llm/models", headers=user.headers)).json()
    named = {(model["provider"], model["name"]): model for model in body["models"]}
    assert set(named) == {
        ("ollama", "new:latest"),
        ("ollama", "big-cloud"),
        ("extractive", "extractive"),
    }
    assert body["total"] == 3
    assert (named["ollama", "new:latest"]["region"], named["ollama", "new:latest"]["allowed"]) == (
        "local",
        True,
    )
    assert not named["ollama", "big-cloud"]["allowed"]
    absent = {item["provider"]: item["kind"] for item in body["unavailable"]}
    assert (absent["far"], absent["anthropic"]) == ("residency", "not_configured")
    assert far.connections == 0

    with ollama.down():
        one = await client.get("/llm/models?provider=Ollama", headers=user.headers)
    assert one.json()["total"] == 0
    assert "does not answer" in one.json()["unavailable"][0]["reason"]
    unknown = await client.get("/llm/models?provider=nobody", headers=user.headers)
    assert unknown.status_code == 400


async def test_a_text_is_embedded(client: Client, user: SignedIn) -> None:
    response = await client.post("/llm/embed", json={"text": "a b"}, headers=user.headers)
    body = response.json()
    assert (body["model"], body["dimensions"], len(body["embedding"])) == ("hashed-words", 8, 8)
    assert np.linalg.norm(body["embedding"]) == pytest.approx(1)
    other = {"text": "a", "model": "another"}
    missing = await client.post("/llm/embed", json=other, headers=user.headers)
    assert (missing.status_code, "`hashed-words`" in missing.json()["detail"]) == (404, True)


# --- /v1 with the real SDK --------------------------------------------------------------------


@pytest_asyncio.fixture
async def sdk(served: str, user: SignedIn) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(
        base_url=f"{served}/v1", api_key=user.token, max_retries=0
    ) as client:
        yield client


ASK: list[Any] = [{"role": "user", "content": "Say something."}]


async def test_the_sdk_chats(sdk: openai.AsyncOpenAI, ollama: OllamaEmulator) -> None:
    answer = await sdk.chat.completions.create(model="ollama/tiny", messages=ASK)
    assert answer.choices[0].message.content == TEXT
    assert answer.choices[0].finish_reason == "stop"
    assert answer.model == "ollama/tiny:latest"
    assert answer.usage is not None
    assert answer.usage.total_tokens == 7


async def test_the_sdk_streams(sdk: openai.AsyncOpenAI, ollama: OllamaEmulator) -> None:
    stream = await sdk.chat.completions.create(
        model="", messages=ASK, stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == TEXT
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "stop"
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == 5
    assert {chunk.model for chunk in chunks} == {"ollama/tiny:latest"}


async def test_the_sdk_calls_tools(sdk: openai.AsyncOpenAI, ollama: OllamaEmulator) -> None:
    ollama.reply = Reply("", (EmulatedToolCall("weather", '{"city": "Ulm"}'),))
    whole = await sdk.chat.completions.create(model="", messages=ASK, tools=[TOOL])
    async with sdk.chat.completions.stream(model="", messages=ASK, tools=[TOOL]) as stream:
        streamed = await stream.get_final_completion()
    for answer in (whole, streamed):
        call: Any = next(iter(answer.choices[0].message.tool_calls or ()))
        assert (call.function.name, call.function.arguments) == ("weather", '{"city": "Ulm"}')
        assert answer.choices[0].finish_reason == "tool_calls"
    turns = [
        *ASK,
        whole.choices[0].message.model_dump(exclude_none=True),
        {"role": "tool", "tool_call_id": "call_0", "content": "Sunny."},
    ]
    ollama.reply = Reply("It is sunny.")
    answer = await sdk.chat.completions.create(model="", messages=turns, tools=[TOOL])
    assert answer.choices[0].message.content == "It is sunny."
    assert b"Sunny." in ollama.received


async def test_the_sdk_asks_for_a_form_stops_and_shows_pictures(
    sdk: openai.AsyncOpenAI, ollama: OllamaEmulator
) -> None:
    ollama.reply = Reply('{"a": 1} and more')
    picture = base64.b64encode(b"pixels").decode()
    content = [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{picture}"}},
    ]
    turns: list[Any] = [
        {"role": "developer", "content": "Be kind."},
        {"role": "user", "content": content},
    ]
    schema: Any = {"type": "object", "properties": {"a": {"type": "integer"}}}
    answer = await sdk.chat.completions.create(
        model="",
        messages=turns,
        stop=[" and"],
        seed=7,
        top_p=0.5,
        response_format={"type": "json_schema", "json_schema": {"name": "a", "schema": schema}},
    )
    assert answer.choices[0].message.content == '{"a": 1}'
    sent = ollama.requests[-1].json()
    assert sent["format"] == schema
    assert (sent["options"]["seed"], sent["options"]["top_p"]) == (7, 0.5)
    assert sent["messages"][0]["role"] == "system"
    assert sent["messages"][1]["images"] == [picture]


async def test_the_sdk_lists_models_and_embeds(
    sdk: openai.AsyncOpenAI, ollama: OllamaEmulator
) -> None:
    ids = [model.id async for model in sdk.models.list()]
    one = await sdk.models.retrieve("ollama/tiny:latest")
    vectors = await sdk.embeddings.create(model="hashed-words", input=["a", "b"])
    assert ids == ["quick", "either", "ollama/tiny:latest", "extractive/extractive"]
    assert one.owned_by == "ollama"
    assert [len(item.embedding) for item in vectors.data] == [8, 8]


async def test_a_route_is_a_model_to_the_sdk(
    sdk: openai.AsyncOpenAI, ollama: OllamaEmulator, far: OpenAIEmulator
) -> None:
    ids = [model.id async for model in sdk.models.list()]
    assert "quick" in ids
    assert "abroad" not in ids  # this data may not go there
    assert (await sdk.models.retrieve("quick")).owned_by == "route"
    asked: Any = [{"role": "user", "content": "Say something."}]
    answer = await sdk.chat.completions.create(model="quick", messages=asked)
    assert (answer.model, answer.choices[0].message.content) == ("ollama/tiny:latest", TEXT)
    with pytest.raises(openai.PermissionDeniedError):
        await sdk.chat.completions.create(model="abroad", messages=asked)
    assert not far.received


async def test_the_sdk_quotes_sources_without_a_model(
    sdk: openai.AsyncOpenAI, ollama: OllamaEmulator
) -> None:
    question: list[Any] = [{"role": "user", "content": "When are invoices sent?"}]
    with ollama.down():
        answer = await sdk.chat.completions.create(
            model="", messages=question, extra_body={"sources": [{"text": SOURCE}]}
        )
        named = await sdk.chat.completions.create(
            model="extractive", messages=question, extra_body={"sources": [{"text": SOURCE}]}
        )
    assert answer.model == named.model == "extractive/extractive"
    assert answer.choices[0].message.content == f"{SOURCE} [1]"


async def test_the_sdk_reads_our_errors(
    sdk: openai.AsyncOpenAI, served: str, ollama: OllamaEmulator, far: OpenAIEmulator
) -> None:
    async def chat(model: str = "", **options: Any) -> Any:
        return await sdk.chat.completions.create(model=model, messages=ASK, **options)

    with pytest.raises(openai.NotFoundError, match="It has `tiny:latest`") as missing:
        await chat("ollama/large")
    assert (missing.value.code, missing.value.type) == ("model-not-found", "invalid_request_error")
    with pytest.raises(openai.NotFoundError, match="not here"):
        await sdk.models.retrieve("ollama/large")
    with pytest.raises(openai.PermissionDeniedError, match="Nothing was sent"):
        await chat("far/tiny")
    assert far.connections == 0
    with pytest.raises(openai.BadRequestError, match="temperature") as wrong:
        await chat(temperature=3)
    assert wrong.value.param == "temperature"
    with pytest.raises(openai.BadRequestError, match="one answer at a time"):
        await chat(n=2)
    with pytest.raises(openai.AuthenticationError):
        await sdk.with_options(api_key="wrong").models.list()
    with (
        ollama.down(),
        pytest.raises(openai.InternalServerError, match="No language model") as down,
    ):
        await chat()
    assert (down.value.status_code, bool(down.value.response.headers["retry-after"])) == (503, True)


async def test_the_sdk_sees_a_stream_break_off(
    sdk: openai.AsyncOpenAI, ollama: OllamaEmulator
) -> None:
    ollama.faults.cut_after = 2
    stream = await sdk.chat.completions.create(model="", messages=ASK, stream=True)
    chunks = [await anext(stream) for _ in range(3)]
    assert [chunk.choices[0].delta.content for chunk in chunks] == ["", "This", " is"]
    with pytest.raises(openai.APIError, match="broke off"):
        await anext(stream)


async def test_the_synchronous_sdk_chats_too(
    served: str, user: SignedIn, ollama: OllamaEmulator
) -> None:
    with openai.OpenAI(base_url=f"{served}/v1", api_key=user.token, max_retries=0) as client:
        answer = await asyncio.to_thread(
            client.chat.completions.create, model="ollama", messages=ASK
        )
    assert answer.choices[0].message.content == TEXT
