"""Embedders that die, come and go under load cost no request, whichever way they are asked."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from baukasten_serve.testing import Platform

from baukasten_core.testing.people import Person
from tests.deployment.scaling import quickly_scaling, until

pytestmark = [pytest.mark.deployment, pytest.mark.slow]

TEXT = "The grey heron waits for fish in shallow water. " * 12
ONE = {"input": TEXT}
MANY = {"input": [f"{number}. {TEXT}" for number in range(32)]}
"""More than fits into HAProxy's usual buffer of 16 KiB, so that it could not be sent again."""


@dataclass
class Load:
    """Requests of many clients; the statuses of the answers by path."""

    answers: dict[str, Counter[int]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def count(self) -> int:
        """Answers so far."""
        return sum(counter.total() for counter in self.answers.values())

    def good(self) -> bool:
        """Not one failed, and each path was answered."""
        return not self.failures and all(set(c) == {200} for c in self.answers.values())


@contextmanager
def load(person: Person, url: str, *asked: tuple[str, dict[str, object]]) -> Iterator[Load]:
    """One client for each of `asked` that sends it again and again."""
    seen = Load({path: Counter() for path, _ in asked})
    ending = threading.Event()

    def client(path: str, body: dict[str, object]) -> None:
        headers = dict(person.http.headers)
        with httpx.Client(base_url=url, headers=headers, timeout=120) as http:
            while not ending.is_set():
                try:
                    answer = http.post(path, json=body)
                except httpx.HTTPError as error:
                    seen.failures.append(f"{path}: {error!r}")
                    continue
                seen.answers[path][answer.status_code] += 1
                if answer.status_code != 200:
                    seen.failures.append(f"{path}: {answer.status_code} {answer.text[:200]}")

    threads = [threading.Thread(target=client, args=each) for each in asked]
    for thread in threads:
        thread.start()
    try:
        yield seen
    finally:
        ending.set()
        for thread in threads:
            thread.join(150)


def test_an_embedder_that_is_killed_under_load_costs_no_request(
    platform: Platform, ada: Person
) -> None:
    project = ada.project()
    ada.ready(ada.text(TEXT, project))
    search = {"query": "which bird waits for fish", "project_id": project}
    asked = [
        *[("/v1/embeddings", ONE)] * 4,  # over HTTP
        *[("/v1/embeddings", MANY)] * 2,
        *[("/llm/embed", {"text": TEXT})] * 2,  # by handle
        *[("/documents/search", search)] * 2,
    ]
    (before,) = platform.replicas("embedder")
    with load(ada, platform.url, *asked) as seen:
        until(lambda: all(counter.total() > 2 for counter in seen.answers.values()))
        before.kill()
        until(lambda: set(platform.replicas("embedder")) - {before})
        after = seen.count()
        until(lambda: seen.count() > after + 50)
    assert seen.good(), seen.failures
    assert before not in platform.replicas("embedder")


@pytest.fixture
def scaling(tmp_path: Path) -> Iterator[Platform]:
    """A platform whose embedder takes a second replica at once, and gives it back soon."""
    config = quickly_scaling(tmp_path / "serve_config.yaml", "embedder", ongoing=4, num_cpus=0.2)
    with Platform.temporary() as running:
        running.config = config
        running.start()
        yield running
        running.stop()


def test_embedders_come_with_the_load_and_go_with_it_and_cost_no_request(
    scaling: Platform,
) -> None:
    with Person.register(scaling.url) as person:
        asked = [*[("/v1/embeddings", ONE)] * 12, *[("/llm/embed", {"text": TEXT})] * 4]
        assert len(scaling.replicas("embedder")) == 1
        with load(person, scaling.url, *asked) as busy:
            until(lambda: len(scaling.replicas("embedder")) == 2)
            both = busy.count()
            until(lambda: busy.count() > both + 100)
        with load(person, scaling.url, *asked[-1:], *asked[:1]) as calm:
            until(lambda: len(scaling.replicas("embedder")) == 1)
            alone = calm.count()
            until(lambda: calm.count() > alone + 20)
    assert busy.good(), busy.failures
    assert calm.good(), calm.failures
