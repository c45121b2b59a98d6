"""Loads the pytest plugin that ships with the core, where it is on the path but not installed."""

from __future__ import annotations

import pytest

from baukasten_core.testing import pytest_plugin


def pytest_configure(config: pytest.Config) -> None:
    if not config.pluginmanager.is_registered(pytest_plugin):
        config.pluginmanager.register(pytest_plugin, "baukasten")
