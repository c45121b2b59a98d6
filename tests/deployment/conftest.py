"""The real platform, started once by `baukasten up` and shared by every deployment test."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest
from baukasten_serve import processes
from baukasten_serve.testing import Platform


@pytest.fixture(scope="session")
def platform() -> Iterator[Platform]:
    """The running platform. Tests share it: make users and projects of your own in it."""
    with Platform.temporary() as running:
        yield running.start()
        # The promise of Ctrl-C, kept with whatever the tests left it doing.
        family = running.family()
        assert running.stop(signal.SIGINT) < 10
        assert running.wait() == 0
        assert [process for process in family if processes.is_alive(process)] == []
