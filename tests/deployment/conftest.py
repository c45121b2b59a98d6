"""The real platform, started once by `baukasten up` and shared by every deployment test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from baukasten_serve.testing import Platform


@pytest.fixture(scope="session")
def platform() -> Iterator[Platform]:
    """The running platform. Tests share it: make users and projects of your own in it."""
    with Platform.temporary() as running:
        yield running.start()


@pytest.fixture
def own_platform() -> Iterator[Platform]:
    """A platform of one test's own, not started yet, for tests that break it."""
    with Platform.temporary() as own:
        yield own
