"""A project moves to another embedding space on the real platform, under a load of searches."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from baukasten_serve.testing import Platform

from baukasten_core.testing.people import Person

pytestmark = [pytest.mark.deployment, pytest.mark.slow]

MAIN = "from baukasten_core.cli.main import main; main()"
TWIN = {"twin": {"provider": "openvino", "options": {"revision": "another"}}}
"""The model that ships, called something else: as good as another, and in a space of its own."""

HERON = "The grey heron waits for fish in shallow water."


@pytest.fixture(scope="module")
def platform() -> Iterator[Platform]:
    with Platform.temporary() as platform:
        platform.environment = {"BAUKASTEN_EMBEDDING_MORE": json.dumps(TWIN)}
        yield platform.start()


@pytest.fixture(scope="module")
def ada(platform: Platform) -> Iterator[Person]:
    with Person.register(platform.url) as person:
        yield person


def embeddings(platform: Platform, *arguments: str) -> dict[str, Any]:
    command = [sys.executable, "-c", MAIN, "embeddings", *arguments, "--json"]
    done = subprocess.run(
        [*command, "--config", str(platform.config)],
        env=platform.environ(),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def test_not_one_search_fails_while_a_project_moves_and_moves_back(
    platform: Platform, ada: Person
) -> None:
    project = ada.project()
    heron = ada.ready(ada.text(HERON, project))
    for number in range(10):
        lines = " ".join(f"Report {number}, line {n}: nothing to say." for n in range(300))
        ada.ready(ada.text(lines, project))
    ending = threading.Event()
    failures: list[object] = []
    counted = [0]

    def searching() -> None:
        body = {"query": "which bird waits for fish", "project_id": project}
        headers = dict(ada.http.headers)
        with httpx.Client(base_url=platform.url, headers=headers, timeout=60) as http:
            while not ending.is_set():
                answer = http.post("/documents/search", json=body)
                counted[0] += 1
                if answer.status_code != 200 or heron["id"] not in answer.text:
                    failures.append((answer.status_code, answer.text[:200]))

    threads = [threading.Thread(target=searching) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        report = embeddings(platform, "migrate", "--to", "twin", "--project", project)
        assert {row["embedder"] for row in report["usage"]} == {"twin"}
        report = embeddings(platform, "rollback", "--project", project)
        assert {row["embedder"] for row in report["usage"]} == {"default"}
        embeddings(platform, "migrate", "--to", "twin", "--project", project)
        report = embeddings(platform, "confirm", "--project", project)
    finally:
        ending.set()
        for thread in threads:
            thread.join(60)
    assert not failures
    assert counted[0] > 20
    assert [(row["embedder"], row["other_space"]) for row in report["usage"]] == [("twin", None)]


def test_the_other_embedder_is_asked_by_its_name(ada: Person) -> None:
    for path in ("/llm/embed", "/v1/embeddings"):
        for model in ("twin", "default", "all-MiniLM-L6-v2", ""):
            body = {"text": HERON, "input": HERON, "model": model}
            assert ada.post(path, body, 200).json()["model"] == "all-MiniLM-L6-v2"
        assert ada.post(path, {"text": HERON, "input": HERON, "model": "nobody"}, 404)
