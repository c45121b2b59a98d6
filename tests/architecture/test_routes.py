"""No route is hidden by another one that was added before it."""

from __future__ import annotations

import re
from uuid import UUID

import pytest
from fastapi import APIRouter, FastAPI
from fastapi.routing import iter_route_contexts
from starlette.routing import compile_path

from baukasten_core.app import create_app
from baukasten_core.plugins import PluginHost
from baukasten_core.settings import load_settings

SAMPLE = {"uuid": str(UUID(int=1)), "int": "1", "path": "a/b", "str": "sample"}
PARAMETER = re.compile(r"{(\w+)(?::(\w+))?}")


def example_path(path: str) -> str:
    """A path this route is meant for; ids are UUIDs, as everywhere."""

    def value(match: re.Match[str]) -> str:
        kind = match.group(2) or ("uuid" if match.group(1).endswith("_id") else "str")
        return SAMPLE[kind]

    return PARAMETER.sub(value, path)


def operations(app: FastAPI) -> list[tuple[str, str]]:
    """(method, path) of every route, in the order in which they are asked."""
    found: list[tuple[str, str]] = []
    for route in iter_route_contexts(app.routes):
        found += [(method, str(route.path)) for method in sorted(route.methods or ())]
    return found


def shadowed(app: FastAPI) -> list[str]:
    """Operations whose requests another route answers."""
    found = operations(app)
    patterns = [(method, path, compile_path(path)[0]) for method, path in found]
    hidden = []
    for method, path in found:
        request = example_path(path)
        first = next(p for m, p, regex in patterns if m == method and regex.match(request))
        if first != path:
            hidden.append(f"{method} {path} is answered by {first}")
    return hidden


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> FastAPI:
    home = tmp_path_factory.mktemp("home")
    host = PluginHost.discover()
    assert not host.quarantined
    return create_app(load_settings({"home": home}), host)


def test_every_route_is_reached(platform: FastAPI) -> None:
    assert shadowed(platform) == []


def test_a_shadowed_route_is_found() -> None:
    router = APIRouter()

    @router.get("/documents/{name}")
    async def one(name: str) -> None: ...

    @router.get("/documents/search")
    async def search() -> None: ...

    app = FastAPI(openapi_url=None)
    app.include_router(router)
    assert shadowed(app) == ["GET /documents/search is answered by /documents/{name}"]


def test_no_route_of_the_contract_is_missing(platform: FastAPI) -> None:
    """What docs and clients rely on; the calls themselves are tested elsewhere."""
    there = {(method, re.sub(r"{[^}]*}", "{}", path)) for method, path in operations(platform)}
    assert {
        *(("GET", path) for path in ("/", "/health", "/docs", "/redoc", "/openapi.json")),
        *(("POST", f"/auth/{n}") for n in ("register", "login", "logout", "refresh", "verify")),
        *(("POST", f"/auth/{n}") for n in ("forgot-password", "reset-password")),
        *((method, "/users/me") for method in ("GET", "PATCH", "DELETE")),
        *((method, "/users/{}") for method in ("GET", "PATCH", "DELETE")),
        *((method, "/admin/users/{}") for method in ("GET", "PATCH", "DELETE")),
        *(("GET", f"/admin/{name}") for name in ("stats", "users", "audit")),
        *(("GET", path) for path in ("/users/me/export", "/auth/me", "/tenants", "/projects")),
        *((method, "/documents/search") for method in ("GET", "POST")),
        *(("POST", f"/documents/{name}") for name in ("text", "upload", "url")),
        *(("POST", path) for path in ("/llm/generate", "/llm/embed")),
        ("GET", "/llm/models"),
    } <= there
