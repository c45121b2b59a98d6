"""An application whose jobs run in it, with small limits."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from fastapi import FastAPI

from baukasten_core.app import create_app
from baukasten_core.plugins import PluginHost
from baukasten_core.settings import Settings
from baukasten_core.testing.fakes import FakeEmbedder
from baukasten_core.testing.fixtures_app import test_settings
from baukasten_core.testing.fixtures_db import DatabaseUrls


@pytest.fixture(scope="module")
def app_settings(database_urls: DatabaseUrls, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return test_settings(
        tmp_path_factory.mktemp("home"),
        database_urls,
        jobs={"in_process": True},
        documents={"max_upload_mib": 2},
        server={"max_body_mib": 1},
    )


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def app(app_settings: Settings) -> AsyncIterator[FastAPI]:
    app = create_app(app_settings, PluginHost.discover(), embedder=FakeEmbedder())
    async with app.router.lifespan_context(app):
        yield app
