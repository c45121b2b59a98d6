"""A client of a running platform, for the commands that talk to one.

The address and the tokens of `baukasten login` are kept in an owner-only file; the environment
variables BAUKASTEN_URL and BAUKASTEN_TOKEN (a token or an API key) go before it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self
from uuid import UUID

import httpx
import platformdirs

from baukasten_core.cli import DEFAULT_URL
from baukasten_core.errors import BaukastenError

TIMEOUT = httpx.Timeout(60.0, read=600.0)


class ClientError(BaukastenError):
    """The platform refused a request or does not answer."""

    def __init__(self, detail: str, *, status_code: int = 0, **kwargs: Any) -> None:
        super().__init__(detail, **kwargs)
        self.status_code = status_code


@dataclass(frozen=True, slots=True)
class Credentials:
    """What `baukasten login` keeps."""

    url: str
    access_token: str
    refresh_token: str | None = None


def credentials_file() -> Path:
    """Where they are kept, readable by their owner alone."""
    return platformdirs.user_config_path("baukasten") / "credentials.json"


def load_credentials() -> Credentials:
    """From the environment, else the file.

    Raises `ClientError` when nobody has logged in.
    """
    path = credentials_file()
    stored = Credentials(**json.loads(path.read_text())) if path.exists() else None
    token = os.environ.get("BAUKASTEN_TOKEN")
    if token:
        url = os.environ.get("BAUKASTEN_URL") or (stored.url if stored else DEFAULT_URL)
        return Credentials(url, token)
    if stored is None:
        raise ClientError("Nobody is signed in.", hint="Run `baukasten login` first.")
    return stored


def save_credentials(credentials: Credentials) -> None:
    """Keep them in the owner-only file."""
    path = credentials_file()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(asdict(credentials), file)


class Client:
    """Calls the HTTP API; an error is a `ClientError` with the platform's own sentence.

    Use as a context manager. An access token that has run out is renewed once.
    """

    def __init__(self, credentials: Credentials | None = None) -> None:
        self._credentials = credentials or load_credentials()
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
        response = self._send(method, path, **options)
        if response.status_code == 401 and self._renew():
            response = self._send(method, path, **options)
        return _checked(response)

    def stream(self, method: str, path: str, **options: Any) -> Iterator[tuple[str, Any]]:
        """The server-sent events of a call as (event, data)."""
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

    def _renew(self) -> bool:
        token = self._credentials.refresh_token
        if token is None:
            return False
        response = self._http.post("/auth/refresh", json={"refresh_token": token})
        if response.is_error:
            return False
        self._credentials = signed_in(self._credentials.url, response.json())
        save_credentials(self._credentials)
        return True


def signed_in(url: str, body: dict[str, Any]) -> Credentials:
    """What the answer to a sign-in gives."""
    return Credentials(url, body["access_token"], body.get("refresh_token"))


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
