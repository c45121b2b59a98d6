"""Where data may go, asked in every way that could carry it out: an upstream that records each byte
gets none."""

from __future__ import annotations

from typing import Any

import httpx
import psycopg
import pytest

from baukasten_core.testing.emulators import OllamaEmulator, OpenAIEmulator
from baukasten_core.testing.fixtures_app import SignedIn
from baukasten_core.testing.fixtures_db import DatabaseUrls

SECRET = "a-sentence-that-must-not-leave"
TURNS = [{"role": "user", "content": SECRET}]
CHAT = "/v1/chat/completions"
WAYS: dict[str, tuple[str, dict[str, Any]]] = {
    "a chat with an instance": (CHAT, {"model": "far/tiny", "messages": TURNS}),
    "a stream": (CHAT, {"model": "far/tiny", "messages": TURNS, "stream": True}),
    "a chat with a form": (
        CHAT,
        {"model": "far/tiny", "messages": TURNS, "response_format": {"type": "json_object"}},
    ),
    "a route": (CHAT, {"model": "abroad", "messages": TURNS}),
    "a message": ("/v1/messages", {"model": "far/tiny", "messages": TURNS, "max_tokens": 9}),
    "a prompt": ("/llm/generate", {"provider": "far", "model": "tiny", "prompt": SECRET}),
}


@pytest.fixture
def abroad(user: SignedIn, database_urls: DatabaseUrls) -> None:
    """The user's tenant allows the USA."""
    with psycopg.connect(database_urls.owner) as connection:
        query = "UPDATE core.tenants SET residency = '{local,us}' WHERE id = %s"
        connection.execute(query, [user.principal.tenant_id])


def refusals(user: SignedIn, urls: DatabaseUrls) -> list[tuple[str, str]]:
    query = (
        "SELECT outcome, details->>'region' FROM core.audit"
        " WHERE user_id = %s AND action = 'residency.refused'"
    )
    with psycopg.connect(urls.owner) as connection:
        return connection.execute(query, [user.id]).fetchall()


def nothing_left(far: OpenAIEmulator) -> bool:
    return (far.connections, bytes(far.received)) == (0, b"")


@pytest.fixture
def unheard(far: OpenAIEmulator) -> OpenAIEmulator:
    """The server in the USA, its connections counted from now on."""
    far.connections = 0
    return far


@pytest.mark.parametrize("way", WAYS)
async def test_nothing_is_sent_and_the_refusal_is_written_down(
    way: str,
    client: httpx.AsyncClient,
    user: SignedIn,
    ollama: OllamaEmulator,
    unheard: OpenAIEmulator,
    database_urls: DatabaseUrls,
) -> None:
    path, body = WAYS[way]
    answer = await client.post(path, json=body, headers=user.headers)
    assert answer.status_code == 403
    assert "residency" in answer.text
    assert SECRET not in answer.text
    assert nothing_left(unheard)
    assert refusals(user, database_urls) == [("refused", "us")]


@pytest.mark.parametrize("way", WAYS)
async def test_one_request_may_be_stricter_than_its_tenant(
    way: str,
    client: httpx.AsyncClient,
    user: SignedIn,
    abroad: None,
    ollama: OllamaEmulator,
    unheard: OpenAIEmulator,
    database_urls: DatabaseUrls,
) -> None:
    path, body = WAYS[way]
    strict = {**body, "residency": ["local"]}
    answer = await client.post(path, json=strict, headers=user.headers)
    assert answer.status_code == 403
    assert nothing_left(unheard)
    assert refusals(user, database_urls) == [("refused", "us")]


async def test_one_request_can_not_be_laxer_than_its_tenant(
    client: httpx.AsyncClient, user: SignedIn, ollama: OllamaEmulator, unheard: OpenAIEmulator
) -> None:
    body = {"model": "far/tiny", "messages": TURNS, "residency": ["local", "us", "eu"]}
    assert (await client.post(CHAT, json=body, headers=user.headers)).status_code == 403
    assert nothing_left(unheard)


@pytest.mark.parametrize("model", ["either", "quick", ""])
async def test_fallback_and_retries_stay_within(
    model: str,
    client: httpx.AsyncClient,
    user: SignedIn,
    ollama: OllamaEmulator,
    unheard: OpenAIEmulator,
) -> None:
    """The next of the route is abroad: an error is better than an answer from there."""
    body = {"model": model, "messages": TURNS}
    ollama.faults.status = 503
    assert (await client.post(CHAT, json=body, headers=user.headers)).status_code == 503
    with ollama.down():
        assert (await client.post(CHAT, json=body, headers=user.headers)).status_code == 503
    assert nothing_left(unheard)


async def test_where_it_may_go_the_same_route_falls_back_there(
    client: httpx.AsyncClient,
    user: SignedIn,
    abroad: None,
    ollama: OllamaEmulator,
    unheard: OpenAIEmulator,
) -> None:
    ollama.faults.status = 503
    body = {"model": "either", "messages": TURNS}
    answer = await client.post(CHAT, json=body, headers=user.headers)
    assert answer.json()["region"] == "us"
    assert SECRET.encode() in unheard.received


@pytest.mark.parametrize("path", ["/v1/models", "/llm/models", "/llm/models?provider=far"])
async def test_models_abroad_are_not_even_listed(
    path: str,
    client: httpx.AsyncClient,
    user: SignedIn,
    ollama: OllamaEmulator,
    unheard: OpenAIEmulator,
) -> None:
    answer = await client.get(path, headers=user.headers)
    assert answer.status_code == 200
    assert nothing_left(unheard)
