"""What one run carries from call to call, and how an answer is checked."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

import httpx

BODY_SHOWN = 2000
READY_SECONDS = 60.0
POLL_SECONDS = 0.2


class Failed(Exception):
    """A call that did not answer as the contract says."""


class Missing(Exception):
    """A call needs what an earlier one would have made."""


class NotInstalled(Exception):
    """The platform at that address does not have this showcase."""


@dataclass
class Session:
    """An account at an address.

    Attributes:
        own: the account was made for this run and is deleted at its end.
        paths: what the platform's OpenAPI document describes.
        made: ids of what was made, by a name.
        projects: ids of the projects to delete at the end.
        last: the last answer.
    """

    client: httpx.Client
    email: str
    password: str
    own: bool
    paths: Collection[str] = ()
    made: dict[str, str] = field(default_factory=dict)
    projects: list[str] = field(default_factory=list)
    last: httpx.Response | None = None

    def id_of(self, what: str) -> str:
        """The id an earlier call made."""
        if what not in self.made:
            raise Missing(what)
        return self.made[what]

    def call(
        self, method: str, path: str, expected: int | tuple[int, ...] = 200, **request: Any
    ) -> httpx.Response:
        """One call; raises `Failed` with the body when the status is another."""
        wanted = (expected,) if isinstance(expected, int) else expected
        self.last = self.client.request(method, path, **request)
        if self.last.status_code not in wanted:
            raise Failed(f"not {' or '.join(map(str, wanted))}\n{self.shown()}")
        return self.last

    def json(
        self, method: str, path: str, expected: int | tuple[int, ...] = 200, **request: Any
    ) -> Any:
        """One call's body."""
        return self.call(method, path, expected, **request).json()

    def check(self, condition: object) -> None:
        """Raises `Failed` with the last answer's body unless the condition holds."""
        if not condition:
            raise Failed(f"not what the contract says\n{self.shown()}")

    def shown(self) -> str:
        """The last call and its answer, for people."""
        if self.last is None:
            return "(no answer)"
        asked, text = self.last.request, self.last.text[:BODY_SHOWN]
        return f"{asked.method} {asked.url.raw_path.decode()}: {self.last.status_code}\n{text}"

    def settled(self, path: str, busy: Collection[str]) -> Any:
        """The body once its `status` is none of `busy`."""
        deadline = time.monotonic() + READY_SECONDS
        while (body := self.json("GET", path))["status"] in busy:
            if time.monotonic() > deadline:
                raise Failed(f"no end after {READY_SECONDS:.0f} s\n{self.shown()}")
            time.sleep(POLL_SECONDS)
        return body

    def sign_in(self) -> str:
        """A new session's token."""
        form = {"username": self.email, "password": self.password}
        return str(self.json("POST", "/auth/login", data=form)["access_token"])

    def project(self, type_: str, **config: Any) -> str:
        """The id of a new project, which is deleted at the end."""
        body = {"name": "Smoke", "type": type_, "config": config}
        made = self.json("POST", "/projects", 201, json=body)
        self.projects.append(made["id"])
        return str(made["id"])


def bearer(token: str) -> dict[str, str]:
    """The headers of a call as somebody else than the session's own token says."""
    return {"Authorization": f"Bearer {token}"}


Step = Callable[[Session], None]
"""One line of the report, named by its docstring: some calls, checked."""
