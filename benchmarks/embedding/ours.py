"""The whole platform, to be measured over HTTP."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from baukasten_serve.testing import Platform

from baukasten_core.testing.people import Person
from benchmarks.embedding.measure import Server


@contextmanager
def platform() -> Iterator[Server]:
    """`baukasten up` as it ships, in a folder of its own, and an API key for it."""
    with Platform.temporary() as running:
        running.start()
        yield Server(f"{running.url}/v1", "", api_key(running.url, ["llm"]))
        running.stop()


def api_key(url: str, scopes: Sequence[str] = ("read", "write", "llm")) -> dict[str, str]:
    """Headers of a new account's API key, by default with all rights."""
    with Person.register(url) as person:
        body = {"name": "benchmark", "scopes": scopes}
        made = person.post("/auth/api-keys", body, status=201).json()
    return {"Authorization": f"Bearer {made['key']}"}
