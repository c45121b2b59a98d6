"""The longest document that is taken, through the API of a real platform: the worker that reads it
needs no more memory for its last page than for its first."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator

import pytest
from baukasten_serve.testing import Platform

from baukasten_core.testing import files, texts
from baukasten_core.testing.people import Person

pytestmark = [pytest.mark.deployment, pytest.mark.slow]

PAGES = 5_000
READ_SECONDS = 1_800
WORKER_MIB = 300
"""What `docs/operating.md` says a worker takes at most while it reads, its sandbox apart."""
STEADY_MIB = 40
"""How much the second half of the work may need on top of the first."""


@pytest.fixture(scope="module")
def platform() -> Iterator[Platform]:
    with Platform.temporary() as platform:
        yield platform.start()


@pytest.fixture(scope="module")
def ada(platform: Platform) -> Iterator[Person]:
    with Person.register(platform.url) as person:
        yield person


def long_pdf() -> bytes:
    """Pages of a dozen lines, each with words of its own."""
    chance = random.Random(26)
    return files.pdf(
        [
            [f"Page {number} is about subject{number}.", *chance.sample(texts.SENTENCES, 6)]
            for number in range(1, PAGES + 1)
        ]
    )


def test_a_pdf_of_5000_pages_is_read_within_the_documented_memory(
    platform: Platform, ada: Person
) -> None:
    (worker,) = platform.replicas("worker")
    project = ada.project()
    document = ada.upload("long.pdf", long_pdf(), project_id=project).json()
    deadline, mib = time.monotonic() + READ_SECONDS, []
    listed = f"/documents?project_id={project}"  # without the text
    while (found := ada.get(listed).json()[0])["status"] in ("queued", "processing"):
        assert time.monotonic() < deadline, found
        mib.append(worker.memory_full_info().uss / 2**20)
        time.sleep(0.2)
    assert found["status"] == "ready", found["error"]
    assert len(mib) > 50, "too fast to have seen anything"
    half = len(mib) // 2
    assert max(mib) < WORKER_MIB
    assert max(mib[half:]) < max(mib[:half]) + STEADY_MIB
    assert worker.is_running()
    query = {"query": "subject4711", "project_id": project}
    (best,) = ada.get("/documents/search", params=query).json()
    assert best["id"] == document["id"]
    assert best["chunks"][0]["page"] == 4711
