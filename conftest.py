"""Loads the pytest plugin that ships with the core, where it is on the path but not installed."""

from __future__ import annotations

import pytest
from hypothesis import settings

from baukasten_core.testing import pytest_plugin

# How fast an example runs says more about the machine than about the code.
settings.register_profile("house", deadline=None)
settings.load_profile("house")


def pytest_configure(config: pytest.Config) -> None:
    if not config.pluginmanager.is_registered(pytest_plugin):
        config.pluginmanager.register(pytest_plugin, "baukasten")
