"""What is measured of Baukasten: its engine in this process, and the whole platform over HTTP."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
from baukasten_serve.testing import Platform

from baukasten_core.providers.embedding import openvino, sentence_transformers
from baukasten_core.providers.embedding.worker import LocalEmbedder
from benchmarks.embedding.measure import Server

PATIENCE = 300.0


def on_cpu() -> LocalEmbedder:
    """The default engine."""
    return openvino.build(openvino.OpenVinoConfig(load_wait=PATIENCE))


def on_gpu() -> LocalEmbedder:
    """The engine for GPUs."""
    return sentence_transformers.build(
        sentence_transformers.SentenceTransformersConfig(device="cuda", load_wait=PATIENCE)
    )


@contextmanager
def platform() -> Iterator[Server]:
    """`baukasten up` as it ships, in a folder of its own, and an API key for it."""
    with Platform.temporary() as running:
        running.start()
        yield Server(f"{running.url}/v1", "", _sign_up(running.url))
        running.stop()


def _sign_up(url: str) -> dict[str, str]:
    email, password = f"bench-{secrets.token_hex(6)}@example.com", secrets.token_urlsafe(16)
    with httpx.Client(base_url=url, timeout=30) as http:
        account = {"email": email, "password": password}
        http.post("/auth/register", json=account).raise_for_status()
        form = {"username": email, "password": password}
        token = http.post("/auth/login", data=form).raise_for_status().json()["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        key = {"name": "benchmark", "scopes": ["llm"]}
        made = http.post("/auth/api-keys", json=key, headers=headers).raise_for_status().json()
    return {"Authorization": f"Bearer {made['key']}"}
