"""A project says where its data may be processed, and every call for it is held to that."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from typing import Any

import httpx
import numpy as np
import psycopg
import pytest
import pytest_asyncio
from fastapi import FastAPI
from numpy.typing import NDArray

from baukasten_core.app import create_app
from baukasten_core.contracts.embedding import Priority
from baukasten_core.plugins import PluginHost
from baukasten_core.settings import Settings
from baukasten_core.testing.emulators import OpenAIEmulator
from baukasten_core.testing.fakes import FakeEmbedder
from baukasten_core.testing.fixtures_app import SignedIn, test_settings
from baukasten_core.testing.fixtures_db import DatabaseUrls

TEXT = "Curlews probe the mud for worms."


class Embedder(FakeEmbedder):
    """Remembers what it was sent."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[str] = []

    async def embed(
        self, texts: Sequence[str], *, priority: Priority = "bulk"
    ) -> NDArray[np.float32]:
        self.sent += texts
        return await super().embed(texts, priority=priority)


@pytest.fixture(scope="module")
def server() -> Iterator[OpenAIEmulator]:
    with OpenAIEmulator() as server:
        yield server


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return Embedder()


@pytest.fixture(scope="module")
def app_settings(
    database_urls: DatabaseUrls,
    tmp_path_factory: pytest.TempPathFactory,
    server: OpenAIEmulator,
) -> Settings:
    """Models and the embedder are in `eu`."""
    model = {"provider": "openai_compatible", "base_url": server.url, "region": "eu"}
    embedding = {"model": "m", "dimensions": 256, "region": "eu"}
    return test_settings(
        tmp_path_factory.mktemp("home"),
        database_urls,
        llm={"instances": {"model": model}, "chain": ("model",)},
        embedding={"provider": "ollama", "options": embedding},
    )


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def app(app_settings: Settings, embedder: Embedder) -> AsyncIterator[FastAPI]:
    app = create_app(app_settings, PluginHost.discover(), embedder=embedder)
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture
def european(database_urls: DatabaseUrls, user: SignedIn) -> SignedIn:
    """A user whose tenant's data may be processed in `eu`."""
    with psycopg.connect(database_urls.owner) as connection:
        connection.execute(
            "UPDATE core.tenants SET residency = '{local,eu}' WHERE id = %s",
            [user.principal.tenant_id],
        )
    return user


async def project(client: httpx.AsyncClient, user: SignedIn, **body: Any) -> str:
    body = {"name": "P", "type": "other", **body}
    response = await client.post("/projects", json=body, headers=user.headers)
    assert response.status_code == 201, response.text
    assert response.json()["residency"] == body.get("residency")
    return str(response.json()["id"])


async def statuses(client: httpx.AsyncClient, user: SignedIn, project_id: str | None) -> list[int]:
    """Of a call to a language model, and of one that embeds a query."""
    prompt = {"prompt": "Say something.", "project_id": project_id, "provider": "model"}
    query = {"query": "worms in the mud", "project_id": project_id}
    answers = [
        await client.post("/llm/generate", json=prompt, headers=user.headers),
        await client.post("/documents/search", json=query, headers=user.headers),
    ]
    for answer in answers:
        if answer.status_code == 403:
            assert answer.json()["type"] == "/problems/residency"
    return [answer.status_code for answer in answers]


async def test_a_stricter_project_keeps_its_data_from_models_and_embedder(
    client: httpx.AsyncClient,
    server: OpenAIEmulator,
    embedder: Embedder,
    european: SignedIn,
    run_jobs: Callable[[], Awaitable[None]],
) -> None:
    server.reset()
    embedder.sent.clear()
    strict = await project(client, european, residency=["local"])
    assert await statuses(client, european, strict) == [403, 403]
    body = {"content": TEXT, "project_id": strict}
    made = await client.post("/documents/text", json=body, headers=european.headers)
    await run_jobs()
    read = await client.get(f"/documents/{made.json()['id']}", headers=european.headers)
    assert read.json()["status"] == "failed"
    assert "may be processed in `local` only" in read.json()["error"]
    assert not embedder.sent
    assert not server.requests
    assert await statuses(client, european, None) == [200, 200]


async def test_it_can_be_changed_and_each_change_is_audited(
    client: httpx.AsyncClient, database_urls: DatabaseUrls, european: SignedIn
) -> None:
    made = await project(client, european)
    assert await statuses(client, european, made) == [200, 200]
    for residency, expected in ((["local"], 403), (["local", "eu"], 200), (None, 200)):
        response = await client.patch(
            f"/projects/{made}", json={"residency": residency}, headers=european.headers
        )
        assert response.json()["residency"] == residency
        assert await statuses(client, european, made) == [expected, expected]
    await client.patch(f"/projects/{made}", json={"name": "Q"}, headers=european.headers)
    await project(client, european, residency=["eu"])
    with psycopg.connect(database_urls.owner) as connection:
        entries = connection.execute(
            "SELECT object_id = %s, details->'residency' FROM core.audit WHERE user_id = %s"
            " AND action = 'project.residency_changed' ORDER BY created_at",
            [made, european.id],
        ).fetchall()
    assert entries == [
        *((True, ["local"]), (True, ["local", "eu"]), (True, None)),
        (False, ["eu"]),
    ]


async def test_a_project_cannot_allow_more_than_its_tenant(
    client: httpx.AsyncClient, user: SignedIn
) -> None:
    wide = await project(client, user, residency=["local", "eu"])
    assert await statuses(client, user, wide) == [403, 403]


@pytest.mark.parametrize("residency", [[], ["EU"], ["eu", 1], "eu", ["x" * 40]])
async def test_what_is_no_list_of_regions_is_422(
    client: httpx.AsyncClient, user: SignedIn, residency: Any
) -> None:
    made = await project(client, user)
    body = {"name": "P", "type": "other", "residency": residency}
    assert (await client.post("/projects", json=body, headers=user.headers)).status_code == 422
    response = await client.patch(
        f"/projects/{made}", json={"residency": residency}, headers=user.headers
    )
    assert response.status_code == 422
