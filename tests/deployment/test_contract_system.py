"""The contract's rows about the system, and what holds for every answer."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import datetime
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urljoin, urlsplit
from uuid import UUID, uuid4

import httpx
import pytest
from baukasten_serve.commands.smoke import smoke
from baukasten_serve.testing import Platform
from click.testing import CliRunner

from baukasten_core.testing.emulators import OllamaEmulator
from baukasten_core.testing.people import Person

pytestmark = pytest.mark.deployment

SHOWCASES = {"cv_matcher", "privategpt", "tellmelife"}


def test_home_is_a_page_to_a_browser_and_json_to_a_program(anybody: httpx.Client) -> None:
    page = anybody.get("/", headers={"Accept": "text/html,application/xhtml+xml"})
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    body = anybody.get("/", headers={"Accept": "application/json"}).json()
    assert set(body) == {"message", "version", "docs"}
    assert anybody.get(body["docs"]).status_code == 200


def test_health_is_healthy_with_a_row_for_each_plugin_provider_and_application(
    anybody: httpx.Client, ollama: OllamaEmulator
) -> None:
    """Of the language models, the chain alone is expected to answer."""
    deadline = time.monotonic() + 60  # a check that took too long is remembered for some seconds
    while (body := anybody.get("/health").json())["status"] != "healthy":
        assert time.monotonic() < deadline, body
        time.sleep(0.5)
    assert body["database"] == "up"
    rows = {(row["kind"], row["name"]): row["status"] for row in body["components"]}
    assert {("plugin", name) for name in SHOWCASES} <= set(rows)
    assert {("provider", name) for name in ("ollama", "extractive", "fsspec")} <= set(rows)
    assert {("application", name) for name in ("gateway", "embedder", "worker")} <= set(rows)
    absent = {name for (_, name), status in rows.items() if status == "absent"}
    assert absent == {"grok", "abroad", "nobody_there"}
    assert set(rows.values()) == {"ready", "absent"}


class Links(HTMLParser):
    """What a page loads."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        wanted = {"script": "src", "link": "href", "img": "src"}.get(tag)
        self.found += [value for name, value in attrs if name == wanted and value]


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
def test_the_reference_loads_nothing_from_outside(anybody: httpx.Client, path: str) -> None:
    page = anybody.get(path)
    assert page.status_code == 200
    links = Links()
    links.feed(page.text)
    assert any(link.endswith(".js") for link in links.found)
    for link in links.found:
        target = urljoin(str(page.url), link)
        assert urlsplit(target).netloc == urlsplit(str(page.url)).netloc, link
        assert anybody.get(target).status_code == 200, link
    assert not re.search(r"""(?:url\(|@import\s+)["']?https?://""", page.text)


ROWS = """
GET / | GET /health
POST /auth/register | POST /auth/login | POST /auth/logout | GET /auth/me
POST /auth/forgot-password | POST /auth/reset-password | POST /auth/request-verify-token
POST /auth/verify | POST /auth/refresh
GET /auth/oidc/{}/login | GET /auth/oidc/{}/callback
GET /auth/sessions | DELETE /auth/sessions | DELETE /auth/sessions/{}
GET /auth/api-keys | POST /auth/api-keys | DELETE /auth/api-keys/{}
GET /users/me | PATCH /users/me | DELETE /users/me | GET /users/me/export
GET /users/{} | PATCH /users/{} | DELETE /users/{}
GET /tenants | POST /tenants | GET /tenants/{}/members
GET /tenants/{}/invitations | POST /tenants/{}/invitations
GET /projects | POST /projects | GET /projects/{} | PATCH /projects/{} | DELETE /projects/{}
POST /documents/text | POST /documents/upload | POST /documents/url
GET /documents | GET /documents/search | POST /documents/search
GET /documents/{} | DELETE /documents/{} | GET /documents/{}/file | GET /documents/{}/events
POST /llm/generate | GET /llm/models | POST /llm/embed
POST /cv_matcher/projects/{}/job | POST /cv_matcher/projects/{}/candidates
POST /cv_matcher/projects/{}/rank | GET /cv_matcher/projects/{}/ranking
POST /privategpt/projects/{}/ask | GET /privategpt/projects/{}/conversations
POST /tellmelife/projects/{}/entries | GET /tellmelife/projects/{}/entries
POST /tellmelife/entries/{}/chapter | POST /tellmelife/projects/{}/book
GET /tellmelife/books/{}
GET /admin/stats | GET /admin/users | GET /admin/users/{} | PATCH /admin/users/{}
DELETE /admin/users/{} | GET /admin/audit
"""

OPEN = {
    *("GET /", "GET /health", "POST /auth/register", "POST /auth/login", "POST /auth/refresh"),
    *("POST /auth/forgot-password", "POST /auth/reset-password", "POST /auth/verify"),
    *("POST /auth/request-verify-token", "GET /auth/oidc/{}/login", "GET /auth/oidc/{}/callback"),
}


def rows() -> list[str]:
    return [row.strip() for row in re.split(r"[|\n]", ROWS) if row.strip()]


@pytest.fixture(scope="module")
def described(anybody: httpx.Client) -> dict[str, Any]:
    """The operations of the OpenAPI document, in its order."""
    paths = anybody.get("/openapi.json").json()["paths"]
    return {
        f"{method.upper()} {re.sub(r'{[^}]*}', '{}', path)}": operation
        for path, methods in paths.items()
        for method, operation in methods.items()
    }


@pytest.mark.parametrize("row", rows())
def test_every_row_of_the_contract_is_described(described: dict[str, Any], row: str) -> None:
    assert row in described


@pytest.mark.parametrize("row", [row for row in rows() if row not in OPEN])
def test_nothing_is_answered_without_a_token(
    anybody: httpx.Client, problem: Callable[..., dict], row: str
) -> None:
    method, path = row.split()
    answer = anybody.request(method, path.replace("{}", str(uuid4())))
    assert problem(answer, 401, "Unauthorized")["hint"]
    assert answer.headers["www-authenticate"] == "Bearer"


def test_smoke_is_green_calls_every_row_of_the_contract_and_leaves_nothing_behind(
    platform: Platform, admin: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    called, send = set(), httpx.Client.send

    def recorded(self: httpx.Client, request: httpx.Request, **options: Any) -> httpx.Response:
        path = re.sub(r"/([0-9a-f-]{36}|nobody)(?=/|$)", "/{}", request.url.path)
        called.add(f"{request.method} {path}")
        return send(self, request, **options)

    monkeypatch.setattr(httpx.Client, "send", recorded)
    done = CliRunner().invoke(smoke, [platform.url])
    assert done.exit_code == 0, done.output
    v1 = {"POST /v1/chat/completions", "GET /v1/models", "POST /v1/embeddings"}
    reference = {"GET /docs", "GET /redoc", "GET /openapi.json"}
    assert called >= {*rows(), *v1, *reference}
    assert admin.get("/admin/users", params={"search": "smoke-"}).json() == []


def test_no_route_is_shadowed_by_one_before_it(anybody: httpx.Client) -> None:
    """In the document's order, which is the routers': a path without parameters is not taken for
    a value of one before it, as `/documents/search` once was for an id. A parameter that ends in
    `_id` and is a UUID by its route takes no word; those are asked whether that is so."""
    paths = anybody.get("/openapi.json").json()["paths"]
    before: list[tuple[str, re.Pattern[str], set[str]]] = []
    suspects = []
    for path, methods in paths.items():
        for earlier, pattern, theirs in before:
            if pattern.fullmatch(path) and theirs & set(methods):
                suspects += [(earlier, method.upper(), path) for method in theirs & set(methods)]
        before.append((path, re.compile(re.sub(r"{[^}]*}", "[^/]+", path)), set(methods)))
    for earlier, method, path in suspects:
        word = path.rsplit("/", 1)[-1] + "-not-an-id"
        taken = anybody.request(method, f"{path.rsplit('/', 1)[0]}/{word}").status_code
        assert taken in (404, 405), f"{earlier} shadows {method} {path}"


def test_an_error_is_a_problem_document_with_a_request_id(
    anybody: httpx.Client, ada: Person, problem: Callable[..., dict]
) -> None:
    problem(anybody.get("/nothing/here"), 404, "Not Found")
    problem(anybody.put("/health"), 405, "Method Not Allowed")
    problem(ada.get(f"/documents/{uuid4()}", None), 404)
    problem(ada.get(f"/projects/{uuid4()}", None), 404)


def test_a_validation_error_is_a_list_in_plain_json_without_the_input(ada: Person) -> None:
    answer = ada.post("/projects", {"name": 17, "type": ["secret-input"]}, 422)
    assert answer.headers["content-type"] == "application/json"
    assert {item["loc"][-1] for item in answer.json()["detail"]} == {"name", "type"}
    assert "secret-input" not in answer.text


def test_ids_are_uuids_and_times_are_iso_8601_with_offset(ada: Person) -> None:
    made = [
        ada.get("/auth/me").json(),
        ada.get("/tenants").json()[0],
        ada.get("/auth/sessions").json()[0],
        ada.get(f"/projects/{ada.project()}").json(),
        ada.text("A text with a time."),
    ]
    for body in made:
        UUID(body["id"])
        times = [value for name, value in body.items() if name.endswith("_at") and value]
        assert times
        for value in times:
            assert datetime.fromisoformat(value).utcoffset() is not None, value
            assert "T" in value


def test_a_token_that_is_none_is_401(anybody: httpx.Client, problem: Callable[..., dict]) -> None:
    for token in ("nonsense", "a.b.c", "bk_" + "0" * 40, "é"):
        headers = {"Authorization": f"Bearer {token}".encode()}
        problem(anybody.get("/auth/me", headers=headers), 401, "Unauthorized")
