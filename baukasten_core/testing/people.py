"""Somebody who uses a running platform over HTTP, whoever serves it.

    with Person.register(platform.url) as ada:
        project = ada.project("privategpt")
        document = ada.ready(ada.text("Herons wait for fish.", project))
        ada.get("/documents/search", params={"query": "which bird waits"})

Every call says which status it expects and fails with the body when another one comes.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import urlsplit

import httpx

PASSWORD = "a password of nobody"
READY_SECONDS = 300.0


@dataclass
class Person:
    """An account, signed in. `http` carries its token."""

    http: httpx.Client
    email: str
    password: str = PASSWORD
    tokens: dict[str, Any] = field(default_factory=dict)
    id: str = ""

    @classmethod
    def stranger(cls, url: str, email: str | None = None, password: str = PASSWORD) -> Self:
        """Somebody without an account, at an address of their own on the network."""
        address = ".".join(str(part) for part in secrets.token_bytes(4))
        client = httpx.Client(base_url=url, timeout=60, headers={"X-Forwarded-For": address})
        return cls(client, email or f"{secrets.token_hex(8)}@example.test", password)

    @classmethod
    def register(cls, url: str, email: str | None = None, password: str = PASSWORD) -> Self:
        """A new account, signed in."""
        person = cls.stranger(url, email, password)
        body = {"email": person.email, "password": password}
        person.post("/auth/register", body, status=201)
        return person.sign_in()

    @classmethod
    def known(cls, url: str, email: str, password: str) -> Self:
        """An account that is there already, signed in."""
        return cls.stranger(url, email, password).sign_in()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def sign_in(self) -> Self:
        """A new session."""
        self.http.headers.pop("Authorization", None)
        form = {"username": self.email, "password": self.password}
        return self.use(self.call("POST", "/auth/login", data=form).json())

    def use(self, tokens: dict[str, Any]) -> Self:
        """Act with these tokens from now on."""
        self.tokens = tokens
        self.http.headers["Authorization"] = f"Bearer {tokens['access_token']}"
        self.id = self.get("/auth/me").json()["id"]
        return self

    # --- calls ------------------------------------------------------------------------------

    def call(
        self, method: str, path: str, status: int | None = 200, **options: Any
    ) -> httpx.Response:
        """One call; `status` None takes any."""
        response = self.http.request(method, path, **options)
        if status is not None and response.status_code != status:
            raise AssertionError(
                f"{method} {path} answered {response.status_code}, not {status}: "
                f"{response.text[:2000]}"
            )
        return response

    def get(self, path: str, status: int | None = 200, **options: Any) -> httpx.Response:
        return self.call("GET", path, status, **options)

    def post(
        self, path: str, body: Any = None, status: int | None = 200, **options: Any
    ) -> httpx.Response:
        return self.call(
            "POST", path, status, **({"json": body} if body is not None else {}), **options
        )

    def patch(self, path: str, body: Any, status: int | None = 200) -> httpx.Response:
        return self.call("PATCH", path, status, json=body)

    def delete(self, path: str, status: int | None = 204, **options: Any) -> httpx.Response:
        return self.call("DELETE", path, status, **options)

    def pages(self, path: str) -> list[list[Any]]:
        """Every page of a list, by the `Link` header."""
        found: list[list[Any]] = []
        url: str | None = path
        while url:
            response = self.get(url)
            found.append(response.json())
            url = response.links.get("next", {}).get("url")
            assert url is None or not urlsplit(url).netloc, "links are relative"
        return found

    def events(
        self, method: str, path: str, status: int = 200, **options: Any
    ) -> Iterator[tuple[str, Any]]:
        """The server-sent events of a call as (name, data)."""
        with self.http.stream(method, path, **options) as response:
            if response.status_code != status:
                raise AssertionError(f"{response.status_code}: {response.read()!r}")
            yield from sse(response.iter_lines())

    # --- what people do -----------------------------------------------------------------------

    def project(self, type_: str = "other", name: str = "A project", **more: Any) -> str:
        """The id of a new project."""
        body = {"name": name, "type": type_, **more}
        return str(self.post("/projects", body, status=201).json()["id"])

    def text(self, content: str, project_id: str | None = None, **more: Any) -> dict[str, Any]:
        """A new document from text."""
        body = {"content": content, "project_id": project_id, **more}
        made: dict[str, Any] = self.post("/documents/text", body, status=201).json()
        return made

    def upload(
        self, name: str, data: bytes, status: int | None = 201, **fields: str
    ) -> httpx.Response:
        """A file, as a browser's form sends it."""
        files = {"file": (name, data)}
        return self.call("POST", "/documents/upload", status, files=files, data=fields)

    def settled(self, document: dict[str, Any]) -> dict[str, Any]:
        """The document once it is `ready` or `failed`."""
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            found: dict[str, Any] = self.get(f"/documents/{document['id']}").json()
            if found["status"] in ("ready", "failed"):
                return found
            time.sleep(0.1)
        raise AssertionError(f"still `{found['status']}` after {READY_SECONDS:.0f} s")

    def ready(self, document: dict[str, Any]) -> dict[str, Any]:
        """The document once it is `ready`; fails when it fails."""
        found = self.settled(document)
        assert found["status"] == "ready", found["error"]
        return found


def sse(lines: Iterator[str]) -> Iterator[tuple[str, Any]]:
    """Server-sent events as (name, data); data that is not JSON comes as it is."""
    name, data = "message", ""
    for line in lines:
        if line.startswith("event:"):
            name = line[6:].strip()
        elif line.startswith("data:"):
            data += line[5:].strip()
        elif not line and data:
            yield name, json.loads(data) if data != "[DONE]" else data
            name, data = "message", ""
