"""The client of the commands, on the real application: a session outlives its access tokens."""

from __future__ import annotations

import asyncio
import dataclasses
import stat
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI

from baukasten_core.cli.client import Client, ClientError
from baukasten_core.cli.credentials import (
    Credentials,
    credentials_file,
    locked_credentials,
    save_credentials,
    signed_in,
    stored_credentials,
)

PASSWORD = "a password of a test"
CALLS = 4
"""At the same time, as `baukasten ingest` uploads."""


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("BAUKASTEN_TOKEN", raising=False)


@pytest.fixture
async def expired(app: FastAPI, served: str) -> Credentials:
    """Somebody's who has signed in, with an access token that has run out; kept in the file."""
    email = f"{uuid4().hex}@example.test"
    services = app.state.services
    async with httpx.AsyncClient(base_url=served) as http:
        await http.post("/auth/register", json={"email": email, "password": PASSWORD})
        old = dataclasses.replace(services.tokens, lifetime=-1)
        app.state.services = dataclasses.replace(services, tokens=old)
        form = {"username": email, "password": PASSWORD}
        answer = await http.post("/auth/login", data=form)
        app.state.services = services
    credentials = signed_in(served, answer.json())
    with locked_credentials():
        save_credentials(credentials)
    return credentials


def ask_all(clients: Sequence[Client]) -> list[str]:
    """Who each client is, asked by all of them several times at once."""
    with ThreadPoolExecutor(len(clients) * CALLS) as pool:
        asked = pool.map(lambda client: client.get("/auth/me"), list(clients) * CALLS)
        return [answer["email"] for answer in asked]


@pytest.mark.parametrize("terminals", [1, 3])
async def test_calls_at_the_same_time_renew_a_token_without_ending_the_session(
    expired: Credentials, terminals: int
) -> None:
    clients = [Client() for _ in range(terminals)]
    found = await asyncio.to_thread(ask_all, clients)
    assert len(set(found)) == 1
    stored = stored_credentials()
    assert stored is not None
    assert stored.refresh_token != expired.refresh_token
    async with httpx.AsyncClient(base_url=expired.url) as http:
        body = {"refresh_token": stored.refresh_token}
        assert (await http.post("/auth/refresh", json=body)).status_code == 200


async def test_a_stream_renews_a_token_too(expired: Credentials) -> None:
    def added_and_watched() -> str:
        client = Client()
        body = {"content": f"Watched {uuid4()}"}
        document = Client().post("/documents/text", body)["id"]
        client._credentials = expired  # it did not notice
        path = f"/documents/{document}/events"
        return next(event for event, _ in client.stream("GET", path))

    assert await asyncio.to_thread(added_and_watched) in ("progress", "ready")


async def test_renewed_tokens_are_the_owners_alone(expired: Credentials) -> None:
    credentials_file().chmod(0o644)
    await asyncio.to_thread(ask_all, [Client()])
    assert stat.S_IMODE(credentials_file().stat().st_mode) == 0o600


async def test_a_sign_in_elsewhere_is_left_alone(expired: Credentials) -> None:
    client = Client()
    elsewhere = Credentials("http://elsewhere.example", "a token", "another token")
    with locked_credentials():
        save_credentials(elsewhere)
    assert len(await asyncio.to_thread(ask_all, [client])) == CALLS
    assert stored_credentials() == elsewhere


async def test_a_session_that_has_ended_is_told(expired: Credentials) -> None:
    async with httpx.AsyncClient(base_url=expired.url) as http:
        for _ in range(2):  # the second one ends it
            await http.post("/auth/refresh", json={"refresh_token": expired.refresh_token})
    with pytest.raises(ClientError, match="Unauthorized"):
        await asyncio.to_thread(Client().get, "/auth/me")
    assert stored_credentials() == expired
