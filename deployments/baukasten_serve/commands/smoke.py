"""`baukasten smoke URL`: the contract's calls against any address, as a client would make them."""

from __future__ import annotations

import secrets
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import click
import httpx

BODY_SHOWN = 2000


class Failed(Exception):
    """A call that did not answer as the contract says."""


class Missing(Exception):
    """A call needs what an earlier one would have made."""


@dataclass
class Session:
    """What one run carries from call to call."""

    client: httpx.Client
    email: str
    password: str
    made: dict[str, str] = field(default_factory=dict)

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
        response = self.client.request(method, path, **request)
        if response.status_code not in wanted:
            raise Failed(
                f"{method} {path} answered {response.status_code}, not "
                f"{' or '.join(map(str, wanted))}:\n{response.text[:BODY_SHOWN]}"
            )
        return response


@click.command()
@click.argument("url", default="http://127.0.0.1:8000")
@click.option("--email", help="An account to use; otherwise one is made and deleted again.")
@click.option("--password", envvar="BAUKASTEN_SMOKE_PASSWORD", help="Its password.")
@click.option("--wait", default=0.0, help="Seconds to wait for the platform to be up.")
def smoke(url: str, email: str | None, password: str | None, wait: float) -> None:
    """Try the API's calls against the address URL; show the body where one fails."""
    made = email is None
    account = email or f"smoke-{secrets.token_hex(6)}@example.com"
    with httpx.Client(base_url=url.rstrip("/"), timeout=60, follow_redirects=False) as client:
        session = Session(client, account, password or secrets.token_urlsafe(18))
        _wait_until_up(client, wait)
        failed = sum(not _run(step, session) for step in steps(made))
    sys.exit(1 if failed else 0)


def _wait_until_up(client: httpx.Client, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if client.get("/health").status_code == httpx.codes.OK:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.2)


def _run(step: Step, session: Session) -> bool:
    name = (step.__doc__ or step.__name__).rstrip(".")
    began = time.monotonic()
    try:
        step(session)
    except Missing as error:
        click.echo(f"skipped {name}  (there is no {error}: an earlier call failed)")
        return False
    except (Failed, httpx.HTTPError, KeyError, IndexError, ValueError) as error:
        problem = str(error) if isinstance(error, Failed) else f"{type(error).__name__}: {error}"
        click.echo(f"FAILED  {name}\n{problem}")
        return False
    click.echo(f"ok      {name}  ({1000 * (time.monotonic() - began):.0f} ms)")
    return True


Step = Callable[[Session], None]


def steps(made: bool) -> list[Step]:
    """In order; later ones use what earlier ones found."""
    middle = [me, tenants, project, text, ready, search, generate, models, embed, openai]
    first = [health, home, openapi, stranger, *([register] if made else []), login]
    return [*first, *middle, delete_project, *([delete_me] if made else [logout])]


def health(session: Session) -> None:
    """GET /health."""
    body = session.call("GET", "/health").json()
    _check(body["status"] in ("healthy", "degraded"), body)


def home(session: Session) -> None:
    """GET / for a program and for a browser."""
    _check("message" in session.call("GET", "/", headers={"Accept": "application/json"}).json())
    page = session.call("GET", "/", headers={"Accept": "text/html"})
    _check("text/html" in page.headers["content-type"])


def openapi(session: Session) -> None:
    """GET /openapi.json and /docs."""
    session.call("GET", "/openapi.json")
    session.call("GET", "/docs")


def stranger(session: Session) -> None:
    """No token, no data."""
    for path in ("/projects", "/documents", "/auth/me", "/admin/stats"):
        session.call("GET", path, 401)
    session.call("POST", "/v1/embeddings", 401, json={"input": "x", "model": ""})
    session.call("GET", "/v1/models", 401)


def register(session: Session) -> None:
    """POST /auth/register."""
    body = {"email": session.email, "password": session.password}
    user = session.call("POST", "/auth/register", 201, json=body).json()
    _check(not user["is_admin"], user)


def login(session: Session) -> None:
    """POST /auth/login, wrong and right."""
    form = {"username": session.email, "password": "wrong"}
    refused = session.call("POST", "/auth/login", 400, data=form)
    _check(refused.json()["detail"] == "LOGIN_BAD_CREDENTIALS", refused.text)
    form["password"] = session.password
    token = session.call("POST", "/auth/login", data=form).json()["access_token"]
    session.client.headers["Authorization"] = f"Bearer {token}"


def me(session: Session) -> None:
    """GET /auth/me and /users/me."""
    _check(session.call("GET", "/auth/me").json()["email"] == session.email.lower())
    session.call("GET", "/users/me")
    session.call("GET", "/admin/stats", (200, 403))


def tenants(session: Session) -> None:
    """GET /tenants."""
    _check(len(session.call("GET", "/tenants").json()) >= 1)


def project(session: Session) -> None:
    """POST, GET and PATCH /projects."""
    made = session.call("POST", "/projects", 201, json={"name": "Smoke", "type": "other"}).json()
    session.made["project"] = made["id"]
    path = f"/projects/{made['id']}"
    session.call("PATCH", path, json={"name": "Smoke test"})
    _check(session.call("GET", path).json()["name"] == "Smoke test")
    _check(made["id"] in [item["id"] for item in session.call("GET", "/projects").json()])


SENTENCE = "The blue heron stands in shallow water and waits for fish."


def text(session: Session) -> None:
    """POST /documents/text, and again."""
    body = {"content": SENTENCE, "title": "Heron", "project_id": session.id_of("project")}
    made = session.call("POST", "/documents/text", 201, json=body).json()
    session.made["document"] = made["id"]
    session.call("POST", "/documents/text", 409, json=body)


def ready(session: Session) -> None:
    """The worker makes the document ready."""
    deadline = time.monotonic() + 60
    while True:
        document = session.call("GET", f"/documents/{session.id_of('document')}").json()
        if document["status"] == "ready":
            return
        if document["status"] == "failed" or time.monotonic() > deadline:
            raise Failed(f"status `{document['status']}`, error {document['error']}")
        time.sleep(0.2)


def search(session: Session) -> None:
    """GET and POST /documents/search."""
    query = {"query": "which bird waits for fish", "project_id": session.id_of("project")}
    for response in (
        session.call("GET", "/documents/search", params=query),
        session.call("POST", "/documents/search", json=query),
    ):
        best = response.json()[0]
        _check(best["id"] == session.id_of("document"), response.text)
        _check(0 <= best["score"] <= 1, response.text)
    session.call("GET", "/documents/search", 400, params={"query": "ab"})


def generate(session: Session) -> None:
    """POST /llm/generate with the project's documents, and to a provider that is not there."""
    body = {"prompt": "Which bird waits for fish?", "project_id": session.id_of("project")}
    answer = session.call("POST", "/llm/generate", json=body).json()
    _check(answer["response"] and answer["provider"] and answer["model"], answer)
    session.call("POST", "/llm/generate", 400, json={"prompt": "Hello", "provider": "nobody"})


def models(session: Session) -> None:
    """GET /llm/models."""
    body = session.call("GET", "/llm/models").json()
    _check(body["total"] == len(body["models"]), body)


def embed(session: Session) -> None:
    """POST /llm/embed."""
    body = session.call("POST", "/llm/embed", json={"text": SENTENCE}).json()
    _check(len(body["embedding"]) == body["dimensions"])


def openai(session: Session) -> None:
    """GET /v1/models and POST /v1/embeddings."""
    _check(session.call("GET", "/v1/models").json()["object"] == "list")
    body = {"input": [SENTENCE, "Another one."], "model": ""}
    answer = session.call("POST", "/v1/embeddings", json=body).json()
    _check([row["index"] for row in answer["data"]] == [0, 1], answer["usage"])


def delete_project(session: Session) -> None:
    """DELETE /projects/{id} takes its documents along."""
    session.call("DELETE", f"/projects/{session.id_of('project')}", 204)
    session.call("GET", f"/documents/{session.id_of('document')}", 404)


def delete_me(session: Session) -> None:
    """DELETE /users/me; the token is dead."""
    session.call("DELETE", "/users/me", (200, 204))
    session.call("GET", "/auth/me", 401)


def logout(session: Session) -> None:
    """POST /auth/logout; the token is dead."""
    session.call("POST", "/auth/logout", 204)
    session.call("GET", "/auth/me", 401)


def _check(condition: object, shown: object = "") -> None:
    if not condition:
        raise Failed(f"not what the contract says: {str(shown)[:BODY_SHOWN]}")
