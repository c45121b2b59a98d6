"""An application between emulated vendors: Ollama on this machine, a server in the USA."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from fastapi import FastAPI

from baukasten_core.app import create_app
from baukasten_core.plugins import PluginHost
from baukasten_core.services import Services
from baukasten_core.settings import Settings
from baukasten_core.testing.emulators import OllamaEmulator, OpenAIEmulator
from baukasten_core.testing.fakes import FakeEmbedder
from baukasten_core.testing.fixtures_app import test_settings
from baukasten_core.testing.fixtures_db import DatabaseUrls


@pytest.fixture(scope="module")
def near_server() -> Iterator[OllamaEmulator]:
    with OllamaEmulator() as server:
        yield server


@pytest.fixture(scope="module")
def far_server() -> Iterator[OpenAIEmulator]:
    with OpenAIEmulator() as server:
        yield server


@pytest_asyncio.fixture(loop_scope="session")
async def ollama(near_server: OllamaEmulator, services: Services) -> OllamaEmulator:
    """Ollama on this machine, the first of the chain, and what it did before forgiven."""
    near_server.reset()
    await services.gateway.models()
    near_server.reset()
    return near_server


@pytest.fixture
def far(far_server: OpenAIEmulator) -> OpenAIEmulator:
    """A server that is declared to be in the USA."""
    far_server.reset()
    return far_server


@pytest.fixture(scope="module")
def app_settings(
    database_urls: DatabaseUrls,
    tmp_path_factory: pytest.TempPathFactory,
    near_server: OllamaEmulator,
    far_server: OpenAIEmulator,
) -> Settings:
    home: Path = tmp_path_factory.mktemp("home")
    instances = {
        "ollama": {"provider": "ollama", "base_url": near_server.url},
        "far": {"provider": "openai_compatible", "base_url": far_server.url, "region": "us"},
        "anthropic": {"provider": "anthropic", "api_key": None, "region": "local"},
        "extractive": {"provider": "extractive"},
    }
    routes = {
        "quick": [{"to": "Ollama", "weight": 1}],
        "abroad": [{"to": "far"}],
        "either": [{"to": "ollama"}, {"to": "far"}],
    }
    llm = {"instances": instances, "chain": ("ollama", "extractive"), "routes": routes}
    return test_settings(home, database_urls, llm=llm)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def app(app_settings: Settings) -> AsyncIterator[FastAPI]:
    app = create_app(app_settings, PluginHost.discover(), embedder=FakeEmbedder(8))
    async with app.router.lifespan_context(app):
        yield app
