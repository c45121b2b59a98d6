"""The plugin these tests are about."""

from __future__ import annotations

from types import ModuleType

import pytest


@pytest.fixture(scope="module")
def plugin() -> ModuleType:
    import baukasten_cv_matcher.plugin

    return baukasten_cv_matcher.plugin
