"""The whole platform, to be measured over HTTP."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import httpx
from baukasten_serve.testing import Platform

from benchmarks.embedding.measure import Server


@contextmanager
def platform() -> Iterator[Server]:
    """`baukasten up` as it ships, in a folder of its own, and an API key for it."""
    with Platform.temporary() as running:
        running.start()
        yield Server(f"{running.url}/v1", "", sign_up(running.url, ["llm"]))
        running.stop()


def sign_up(url: str, scopes: Sequence[str] | None = None) -> dict[str, str]:
    """Headers of a new account's API key, by default with all rights."""
    email, password = f"bench-{secrets.token_hex(6)}@example.com", secrets.token_urlsafe(16)
    with httpx.Client(base_url=url, timeout=30) as http:
        account = {"email": email, "password": password}
        http.post("/auth/register", json=account).raise_for_status()
        form = {"username": email, "password": password}
        token = http.post("/auth/login", data=form).raise_for_status().json()["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        key = {"name": "benchmark", "scopes": [*(scopes or ("read", "write", "llm"))]}
        made = http.post("/auth/api-keys", json=key, headers=headers).raise_for_status().json()
    return {"Authorization": f"Bearer {made['key']}"}
