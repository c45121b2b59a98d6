"""A client of a running platform, for the commands that talk to one.

The address and the tokens of `baukasten login` are kept in an owner-only file; the environment
variables BAUKASTEN_URL and BAUKASTEN_TOKEN (a token or an API key) go before it.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from typing import Any, Self
from uuid import UUID

import httpx

from baukasten_core.cli import DEFAULT_URL
from baukasten_core.cli.credentials import (
    Credentials,
    locked_credentials,
    save_credentials,
    signed_in,
    stored_credentials,
)
from baukasten_core.errors import BaukastenError

TIMEOUT = httpx.Timeout(60.0, read=600.0)


class ClientError(BaukastenError):
    """The platform refused a request or does not answer."""

    def __init__(self, detail: str, *, status_code: int = 0, **kwargs: Any) -> None:
        super().__init__(detail, **kwargs)
        self.status_code = status_code


def load_credentials() -> Credentials:
    """From the environment, else the file.

    Raises `ClientError` when nobody has logged in.
    """
    stored = stored_credentials()
    token = os.environ.get("BAUKASTEN_TOKEN")
    if token:
        url = os.environ.get("BAUKASTEN_URL") or (stored.url if stored else DEFAULT_URL)
        return Credentials(url, token)
    if stored is None:
        raise ClientError("Nobody is signed in.", hint="Run `baukasten login` first.")
    return stored


class Client:
    """Calls the HTTP API; an error is a `ClientError` with the platform's own sentence.

    Use as a context manager, from as many threads as you like. An access token that has run out
    is renewed once.

    Args:
        credentials: by default what `load_credentials` finds; only these are kept when renewed.
    """

    def __init__(self, credentials: Credentials | None = None) -> None:
        self._kept = credentials is None
        self._credentials = credentials or load_credentials()
        self._renewing = threading.Lock()
        self._http = httpx.Client(base_url=self._credentials.url, timeout=TIMEOUT)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._http.close()

    def get(self, path: str, **parameters: Any) -> Any:
        return self.request("GET", path, params=parameters).json()

    def post(self, path: str, body: Any = None) -> Any:
        return self.request("POST", path, json=body).json()

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """One call; raises `ClientError` for any error answer."""
        used = self._credentials
        response = self._send(method, path, **options)
        if response.status_code == 401 and self._renew(used):
            response = self._send(method, path, **options)
        return _checked(response)

    def stream(self, method: str, path: str, **options: Any) -> Iterator[tuple[str, Any]]:
        """The server-sent events of a call as (event, data)."""
        used = self._credentials
        try:
            yield from self._stream(method, path, **options)
        except ClientError as error:
            # Refused before the first event, so nothing comes twice.
            if error.status_code != 401 or not self._renew(used):
                raise
            yield from self._stream(method, path, **options)

    def _stream(self, method: str, path: str, **options: Any) -> Iterator[tuple[str, Any]]:
        headers = {**self._headers(), "Accept": "text/event-stream"}
        with self._http.stream(method, path, headers=headers, **options) as response:
            if response.is_error:
                response.read()
                _checked(response)
            yield from parse_events(response.iter_lines())

    def project(self, name_or_id: str, *, type_: str | None = None) -> dict[str, Any]:
        """The project of this id or name; one that is not there is made when `type_` is given."""
        try:
            found: dict[str, Any] = self.get(f"/projects/{UUID(name_or_id)}")
            return found
        except ValueError:
            pass
        for project in self._all_projects():
            if project["name"] == name_or_id and type_ in (None, project["type"]):
                return project
        if type_ is None:
            raise ClientError(f"There is no project called `{name_or_id}`.")
        made: dict[str, Any] = self.post("/projects", {"name": name_or_id, "type": type_})
        return made

    def _all_projects(self) -> Iterator[dict[str, Any]]:
        url: str | None = "/projects?limit=100"
        while url:
            response = self.request("GET", url)
            yield from response.json()
            url = response.links.get("next", {}).get("url")

    def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        try:
            return self._http.request(method, path, headers=self._headers(), **options)
        except httpx.TransportError as error:
            raise ClientError(
                f"{self._credentials.url} does not answer ({type(error).__name__}).",
                hint="Is the platform running? `baukasten status` tells.",
            ) from None

    def _headers(self) -> dict[str, str]:
        token = self._credentials.access_token
        return {"Authorization": f"Bearer {token}"} if token else {}

    def _renew(self, refused: Credentials) -> bool:
        """Whether there are other tokens than the refused ones now.

        A refresh token works once, and one that is shown again ends its session: so one thread
        and one process at a time exchange the latest, and the others go on with what they got.
        """
        if refused.refresh_token is None:
            return False
        with self._renewing:
            if self._credentials is refused:
                with locked_credentials():
                    self._credentials = self._exchanged(refused)
            return self._credentials is not refused

    def _exchanged(self, refused: Credentials) -> Credentials:
        """The next tokens; the same if there are none to be had."""
        stored = stored_credentials() if self._kept else None
        latest = stored if stored and stored.url == refused.url else refused
        body = {"refresh_token": latest.refresh_token}
        response = self._send("POST", "/auth/refresh", json=body)
        if response.is_error:
            return refused
        renewed = signed_in(refused.url, response.json())
        if latest is stored:
            save_credentials(renewed)
        return renewed


def parse_events(lines: Iterator[str]) -> Iterator[tuple[str, Any]]:
    """Server-sent events as (event, JSON data)."""
    event, data = "message", ""
    for line in lines:
        if line.startswith("event:"):
            event = line[6:].strip()
        elif line.startswith("data:"):
            data += line[5:].strip()
        elif not line and data:
            yield event, json.loads(data) if data != "[DONE]" else None
            event, data = "message", ""


def _checked(response: httpx.Response) -> httpx.Response:
    if not response.is_error:
        return response
    try:
        body = response.json()
    except ValueError:
        body = {}
    detail = body.get("detail") or f"HTTP {response.status_code}"
    if isinstance(detail, list):
        detail = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in detail)
    raise ClientError(detail, status_code=response.status_code, hint=body.get("hint"), body=body)
