"""The plugin these tests are about."""

from __future__ import annotations

from types import ModuleType

import pytest


@pytest.fixture(scope="module")
def plugin() -> ModuleType:
    import baukasten_privategpt.plugin

    return baukasten_privategpt.plugin
