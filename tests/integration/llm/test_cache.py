"""Answers that are given again: off unless the operator wants it, a tenant's own, within its
residency, and gone with the person."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest

from baukasten_core.contracts.gateway import GatewayCall, Routed
from baukasten_core.contracts.llm import GenerateRequest, Image, Message
from baukasten_core.gateway.cache import key_of
from baukasten_core.services import Services
from baukasten_core.settings import Settings
from baukasten_core.testing.emulators import EmulatedToolCall, OllamaEmulator, OpenAIEmulator, Reply
from baukasten_core.testing.fixtures_app import SignedIn, sign_in
from baukasten_core.testing.fixtures_db import DatabaseUrls

CHAT = "/v1/chat/completions"


@pytest.fixture(scope="module")
def app_settings(app_settings: Settings) -> Settings:
    llm = app_settings.llm.model_copy(update={"cache_minutes": 60.0})
    return app_settings.model_copy(update={"llm": llm})


async def ask(client: httpx.AsyncClient, who: SignedIn, text: str, **changes: Any) -> Any:
    body = {"model": "ollama/tiny", "messages": [{"role": "user", "content": text}], **changes}
    answer = await client.post(CHAT, json=body, headers=who.headers)
    assert answer.status_code == 200, answer.text
    return answer


def asked(ollama: OllamaEmulator) -> int:
    return [request.path for request in ollama.requests].count("/api/chat")


async def test_the_same_question_is_asked_once(
    client: httpx.AsyncClient, user: SignedIn, ollama: OllamaEmulator
) -> None:
    ollama.reply = Reply("It is so.", (EmulatedToolCall("t", "{}"),))
    first = (await ask(client, user, "one")).json()
    second = (await ask(client, user, "one")).json()
    assert asked(ollama) == 1
    assert {**second, "id": "", "created": 0} == {**first, "id": "", "created": 0}
    streamed = await ask(client, user, "one", stream=True)
    assert "It is so." in streamed.text
    assert streamed.text.endswith("data: [DONE]\n\n")
    assert asked(ollama) == 1


async def test_a_stream_that_was_whole_is_kept_and_one_that_broke_off_is_not(
    client: httpx.AsyncClient, user: SignedIn, ollama: OllamaEmulator
) -> None:
    ollama.faults.cut_after = 2
    assert "error" in (await ask(client, user, "two", stream=True)).text
    ollama.faults.cut_after = None
    await ask(client, user, "two", stream=True)
    await ask(client, user, "two")
    assert asked(ollama) == 2


async def test_leaving_stops_the_model_as_without_a_cache(
    services: Services, user: SignedIn, ollama: OllamaEmulator
) -> None:
    ollama.faults.piece_delay = 600.0
    request = GenerateRequest("tiny", (Message("user", "seven"),))
    who = {"tenant_id": user.principal.tenant_id, "user_id": user.id}
    events = services.gateway.generate(GatewayCall(request, "ollama", **who))
    assert isinstance(await anext(events), Routed)
    await events.aclose()  # type: ignore[attr-defined]
    (chat,) = [request for request in ollama.requests if request.path == "/api/chat"]
    assert await asyncio.to_thread(chat.left.wait, 10.0)


async def test_another_tenant_gets_its_own_answer(
    client: httpx.AsyncClient, user: SignedIn, other_user: SignedIn, ollama: OllamaEmulator
) -> None:
    await ask(client, user, "three")
    await ask(client, other_user, "three")
    assert asked(ollama) == 2


async def test_what_a_hit_used_is_nothing(
    client: httpx.AsyncClient,
    user: SignedIn,
    ollama: OllamaEmulator,
    database_urls: DatabaseUrls,
) -> None:
    for _ in range(2):
        await ask(client, user, "four")
    query = (
        "SELECT outcome, prompt_tokens + completion_tokens FROM core.llm_usage"
        " WHERE user_id = %s ORDER BY created_at"
    )
    async with asyncio.timeout(10):
        with psycopg.connect(database_urls.owner, autocommit=True) as connection:
            # written within a second, in the background
            while len(rows := connection.execute(query, [user.id]).fetchall()) < 2:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
    assert rows[0][0] == "answered"
    assert rows[0][1] > 0
    assert rows[1] == ("cached", 0)


async def test_an_answer_from_where_the_data_may_not_go_is_no_answer(
    client: httpx.AsyncClient,
    user: SignedIn,
    far: OpenAIEmulator,
    ollama: OllamaEmulator,
    database_urls: DatabaseUrls,
) -> None:
    with psycopg.connect(database_urls.owner) as connection:
        query = "UPDATE core.tenants SET residency = '{local,us}' WHERE id = %s"
        connection.execute(query, [user.principal.tenant_id])
    body = {"model": "far/tiny", "messages": [{"role": "user", "content": "five"}]}
    assert (await client.post(CHAT, json=body, headers=user.headers)).status_code == 200
    strict = {**body, "residency": ["local"]}
    assert (await client.post(CHAT, json=strict, headers=user.headers)).status_code == 403


async def test_it_is_erased_with_whoever_asked_first(
    client: httpx.AsyncClient,
    services: Services,
    ollama: OllamaEmulator,
    database_urls: DatabaseUrls,
) -> None:
    person = sign_in(services, database_urls)
    await ask(client, person, "six")
    query = "SELECT count(*) FROM core.llm_cache WHERE user_id = %s"
    with psycopg.connect(database_urls.owner, autocommit=True) as connection:
        assert connection.execute(query, [person.id]).fetchone() == (1,)
        connection.execute("DELETE FROM core.users WHERE id = %s", [person.id])
        assert connection.execute(query, [person.id]).fetchone() == (0,)


def call(**changes: Any) -> GatewayCall:
    request = GenerateRequest("tiny", (Message("user", "Hello."),))
    return GatewayCall(request, tenant_id=uuid4(), user_id=uuid4(), **changes)


def test_what_makes_two_calls_the_same() -> None:
    one = call()
    same = GatewayCall(GenerateRequest("tiny", one.request.messages, timeout=5), user_id=uuid4())
    assert key_of(one) == key_of(same)
    turn = Message("user", "Hello.", images=(Image(b"a", "image/png"),))
    others = [
        call(instance="box"),
        call(project_id=uuid4()),
        GatewayCall(GenerateRequest("tiny", (Message("user", "Hello!"),))),
        GatewayCall(GenerateRequest("tiny", one.request.messages, temperature=1.0)),
        GatewayCall(GenerateRequest("tiny", (turn,))),
        GatewayCall(GenerateRequest("tiny", (Message("user", "Hello.", (Image(b"b", "x"),)),))),
    ]
    assert len({key_of(each) for each in [one, *others]}) == len(others) + 1


def test_without_the_setting_nothing_is_kept() -> None:
    assert Settings().llm.cache_minutes is None
