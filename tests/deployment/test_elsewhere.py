"""A platform whose embedding model and directory of people are other servers; and SIGTERM.

The embedding server is down when the platform starts, and nobody told the platform how long its
vectors are.
"""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from uuid import uuid4

import httpx
import pytest
from baukasten_serve import processes
from baukasten_serve.testing import Platform

from baukasten_core.testing.emulators import OpenAIEmulator
from baukasten_core.testing.people import Person
from tests.oidc.browser import SECRET, Browser, running_provider

pytestmark = [pytest.mark.deployment, pytest.mark.slow]


@pytest.fixture(scope="module")
def model() -> Iterator[OpenAIEmulator]:
    """Has a port, on which nobody listens yet."""
    with OpenAIEmulator() as server:
        server.stop()
        yield server


@pytest.fixture(scope="module")
def platform(model: OpenAIEmulator) -> Iterator[Platform]:
    with Platform.temporary() as platform, running_provider(platform.url) as issuer:
        embedding = {"base_url": model.url, "model": "tiny"}
        site = {"issuer": issuer, "client_id": "confidential", "client_secret": SECRET}
        platform.environment = {
            "BAUKASTEN_EMBEDDING_PROVIDER": "openai_compatible",
            "BAUKASTEN_EMBEDDING_OPTIONS": json.dumps(embedding),
            "BAUKASTEN_AUTH_OIDC": json.dumps({"confidential": site}),
        }
        yield platform.start()


@pytest.fixture(scope="module")
def ada(platform: Platform) -> Iterator[Person]:
    with Person.register(platform.url) as person:
        yield person


def embedded(person: Person) -> httpx.Response:
    return person.post("/llm/embed", {"text": "Herons wait for fish."}, None)


def test_it_runs_while_the_embedding_server_is_down_and_says_so(
    platform: Platform, ada: Person
) -> None:
    health = httpx.get(f"{platform.url}/health", timeout=20).json()
    rows = {row["name"]: row for row in health["components"] if row["kind"] == "application"}
    assert {name: row["status"] for name, row in rows.items()} == {
        "gateway": "ready",
        "worker": "ready",
        "embedder": "degraded",
    }
    assert "does not answer" in rows["embedder"]["reason"]
    answer = embedded(ada)
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0


def test_it_learns_how_long_vectors_are_once_the_server_is_there(
    model: OpenAIEmulator, ada: Person
) -> None:
    model.start()
    deadline = time.monotonic() + 30
    while embedded(ada).status_code == 503:
        assert time.monotonic() < deadline, "it never learns"
        time.sleep(0.2)
    assert embedded(ada).json()["dimensions"] == model.dimensions
    project = ada.project()
    ada.ready(ada.text("Herons wait for fish in shallow water.", project))
    body = {"query": "herons wait for fish", "project_id": project}
    (found,) = ada.post("/documents/search", body).json()
    assert found["status"] == "ready"
    answer = ada.post("/v1/embeddings", {"input": ["one", "two"]}).json()
    assert {len(row["embedding"]) for row in answer["data"]} == {model.dimensions}


async def test_people_of_the_directory_sign_in(platform: Platform) -> None:
    login = f"u{uuid4().hex[:12]}"
    async with httpx.AsyncClient(base_url=platform.url, timeout=60) as client:
        browser = Browser(client, login)
        me = await browser.me(await browser.sign_in("confidential"))
        assert me["email"] == f"{login}@example.test"
        assert me["is_verified"] is True
        again = Browser(client, login)
        assert (await again.me(await again.sign_in("confidential")))["id"] == me["id"]


def test_sigterm_ends_everything_and_the_next_start_finds_what_was_there(
    platform: Platform, ada: Person
) -> None:
    """As systemd and `docker stop` end it; what Ctrl-C promises is checked in `conftest.py`."""
    family = platform.family()
    assert len(family) > 10
    assert platform.stop(signal.SIGTERM) < 10
    assert platform.wait() == 0
    assert [process for process in family if processes.is_alive(process)] == []
    platform.start()
    assert "Clearing up" not in platform.output
    assert [row["status"] for row in ada.get("/documents").json()] == ["ready"]
