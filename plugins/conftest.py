"""Fixtures for the showcases' tests: each folder of tests names its plugin, the rest is here.

The plugin is loaded from this tree, whether or not it is installed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from types import ModuleType

import pytest
import pytest_asyncio
from fastapi import FastAPI

from baukasten_core.app import create_app, migrated_showcases
from baukasten_core.plugins import PluginHost
from baukasten_core.settings import Settings
from baukasten_core.testing import pytest_plugin
from baukasten_core.testing.fixtures_db import DatabaseUrls, TestDatabases

SHOWCASES = ("cv_matcher", "privategpt", "tellmelife")


def pytest_configure(config: pytest.Config) -> None:
    if not config.pluginmanager.is_registered(pytest_plugin):
        config.pluginmanager.register(pytest_plugin, "baukasten")


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


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def app(app_settings: Settings, host: PluginHost) -> AsyncIterator[FastAPI]:
    """The platform with the showcase, started."""
    app = create_app(app_settings, host)
    async with app.router.lifespan_context(app):
        yield app
