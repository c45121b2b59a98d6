"""Fixtures for the showcases' tests: each folder of tests names its plugin, the rest is here.

The plugin is loaded from this tree, whether or not it is installed. Jobs run in process, texts are
embedded by a fake, and the only language model is an emulator that a test may stop.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from types import ModuleType
from typing import Any

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI

from baukasten_core.app import create_app
from baukasten_core.databases import migrated_showcases
from baukasten_core.plugins import PluginHost
from baukasten_core.settings import Settings
from baukasten_core.testing.emulators import OpenAIEmulator
from baukasten_core.testing.fakes import FakeEmbedder
from baukasten_core.testing.fixtures_app import SignedIn, test_settings
from baukasten_core.testing.fixtures_db import DatabaseUrls, TestDatabases

SHOWCASES = ("cv_matcher", "privategpt", "tellmelife")

Post = Callable[..., Awaitable[Any]]
"""(path, body, status=201) -> the JSON answer, as `user`."""


@pytest.fixture(scope="module")
def host(plugin: ModuleType) -> PluginHost:
    """The platform's plugins with the one under test, and no other showcase."""
    host = PluginHost.discover(disabled=SHOWCASES, extra=[plugin])
    assert not host.quarantined, host.quarantined
    return host


@pytest.fixture(scope="module")
def database_urls(databases: TestDatabases, host: PluginHost) -> DatabaseUrls:
    """A database with the showcase's tables."""
    return databases.create(*migrated_showcases(host))


@pytest.fixture(scope="module")
def emulator() -> Iterator[OpenAIEmulator]:
    """The platform's language model, under the name `emulated`."""
    with OpenAIEmulator() as server:
        yield server


@pytest.fixture
def llm(emulator: OpenAIEmulator) -> Iterator[OpenAIEmulator]:
    """The language model, as if new."""
    emulator.reset()
    yield emulator
    emulator.reset()


@pytest.fixture
def no_llm(emulator: OpenAIEmulator) -> Iterator[None]:
    """Nobody answers but `extractive`."""
    with emulator.down():
        yield


@pytest.fixture(scope="module")
def app_settings(
    database_urls: DatabaseUrls,
    emulator: OpenAIEmulator,
    tmp_path_factory: pytest.TempPathFactory,
) -> Settings:
    instances = {
        "emulated": {"provider": "openai_compatible", "base_url": emulator.url},
        "extractive": {"provider": "extractive"},
    }
    return test_settings(
        tmp_path_factory.mktemp("home"),
        database_urls,
        jobs={"in_process": True},
        llm={"instances": instances, "chain": ("emulated", "extractive")},
    )


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def app(app_settings: Settings, host: PluginHost) -> AsyncIterator[FastAPI]:
    """The platform with the showcase, started."""
    app = create_app(app_settings, host, embedder=FakeEmbedder())
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture
def post(client: httpx.AsyncClient, user: SignedIn) -> Post:
    """Sends JSON as `user` and expects a status."""

    async def send(path: str, body: Any, status: int = 201) -> Any:
        response = await client.post(path, json=body, headers=user.headers)
        assert response.status_code == status, response.text
        return response.json()

    return send


@pytest.fixture
def get(client: httpx.AsyncClient, user: SignedIn) -> Post:
    """Reads as `user` and expects a status."""

    async def read(path: str, status: int = 200) -> Any:
        response = await client.get(path, headers=user.headers)
        assert response.status_code == status, response.text
        return response.json()

    return read


@pytest.fixture
async def project(post: Post, plugin: ModuleType) -> str:
    """The id of a new project of the showcase under test."""
    type_ = plugin.register_showcase().name
    return str((await post("/projects", {"name": "Tests", "type": type_}))["id"])


@pytest.fixture
def add_text(post: Post, get: Post, project: str) -> Post:
    """(content, title) -> the id of a document of the project, once it can be searched."""

    async def add(content: str, title: str | None = None) -> str:
        body = {"content": content, "title": title, "project_id": project}
        document = await post("/documents/text", body)
        async with asyncio.timeout(30):
            while document["status"] not in ("ready", "failed"):
                await asyncio.sleep(0.05)
                document = await get(f"/documents/{document['id']}")
        assert document["status"] == "ready", document["error"]
        return str(document["id"])

    return add
