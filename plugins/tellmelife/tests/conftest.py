"""The plugin under test, and a language model that can be told what to say."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any
from uuid import UUID

import httpx
import pytest
from baukasten_tellmelife import plugin as tellmelife
from baukasten_tellmelife.book import fail_book, make_book

from baukasten_core.api import Kit, Services, Settings
from baukasten_core.testing.emulators import OpenAIEmulator
from baukasten_core.testing.emulators.base import Faults
from baukasten_core.testing.emulators.replies import Reply
from baukasten_core.testing.fixtures_app import SignedIn, test_settings
from baukasten_core.testing.fixtures_db import DatabaseUrls


@pytest.fixture(scope="module")
def plugin() -> ModuleType:
    return tellmelife


@pytest.fixture(scope="module")
def emulator() -> Iterator[OpenAIEmulator]:
    with OpenAIEmulator() as server:
        yield server


@pytest.fixture
def llm(emulator: OpenAIEmulator) -> Iterator[OpenAIEmulator]:
    """The model, well-behaved at the beginning of the test."""
    emulator.reply, emulator.faults = Reply(), Faults()
    emulator.requests.clear()
    yield emulator
    emulator.faults = DOWN


DOWN = Faults(status=503)


@pytest.fixture
def no_llm(emulator: OpenAIEmulator) -> None:
    """No model answers."""
    emulator.faults = DOWN


@pytest.fixture(scope="module")
def app_settings(
    database_urls: DatabaseUrls,
    emulator: OpenAIEmulator,
    tmp_path_factory: pytest.TempPathFactory,
) -> Settings:
    instances = {
        "model": {"provider": "openai_compatible", "base_url": emulator.url, "model": "tiny"},
        "extractive": {"provider": "extractive"},
    }
    llm = {"instances": instances, "chain": ["model", "extractive"]}
    return test_settings(tmp_path_factory.mktemp("home"), database_urls, llm=llm)


@dataclass
class Life:
    """A project of somebody's, over HTTP."""

    client: httpx.AsyncClient
    services: Services
    user: SignedIn
    project: str

    async def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        tenant = {"X-Tenant": str(self.user.principal.tenant_id)}
        headers = {**self.user.headers, **tenant, **options.pop("headers", {})}
        return await self.client.request(method, f"/tellmelife{path}", headers=headers, **options)

    async def entry(self, date: str, text: str, **more: Any) -> dict[str, Any]:
        body = {"date": date, "text": text, **more}
        response = await self.call("POST", f"/projects/{self.project}/entries", json=body)
        assert response.status_code == 201, response.text
        made: dict[str, Any] = response.json()
        return made

    async def chapter(self, entry: dict[str, Any], **body: Any) -> httpx.Response:
        return await self.call("POST", f"/entries/{entry['id']}/chapter", json=body)

    async def book(self, **body: Any) -> dict[str, Any]:
        """A book, made here and now as a worker would."""
        response = await self.call("POST", f"/projects/{self.project}/book", json=body)
        assert response.status_code == 202, response.text
        book_id = response.json()["id"]
        kit = Kit(self.services, self.user.principal)
        try:
            await make_book(kit, book_id=UUID(book_id))
        except Exception as error:
            await fail_book(kit, error, book_id=UUID(book_id))
        found: dict[str, Any] = (await self.call("GET", f"/books/{book_id}")).json()
        return found

    async def pdf(self, book: dict[str, Any]) -> bytes:
        response = await self.call("GET", f"/books/{book['id']}/file")
        assert response.status_code == 200, response.text
        assert response.headers["content-type"] == "application/pdf"
        return response.content

    def seen_by(self, user: SignedIn) -> Life:
        return Life(self.client, self.services, user, self.project)


MakeLife = Callable[..., Awaitable[Life]]


@pytest.fixture
def make_life(client: httpx.AsyncClient, services: Services) -> MakeLife:
    """`await make_life(user, **config)`: a new project."""

    async def make(user: SignedIn, **config: Any) -> Life:
        body = {"name": "What I remember", "type": "tellmelife", "config": config}
        response = await client.post("/projects", json=body, headers=user.headers)
        assert response.status_code == 201, response.text
        return Life(client, services, user, response.json()["id"])

    return make


@pytest.fixture
async def life(make_life: MakeLife, user: SignedIn) -> Life:
    """A new project of `user`'s."""
    return await make_life(user)
