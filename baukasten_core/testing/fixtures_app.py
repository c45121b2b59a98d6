"""pytest fixtures: the whole application in one process, on a real PostgreSQL.

async def test_something(client, user):
    response = await client.get("/projects", headers=user.headers)
"""

from __future__ import annotations

import asyncio
import dataclasses
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest
import pytest_asyncio
import uvicorn
from fastapi import FastAPI

from baukasten_core.app import create_app
from baukasten_core.background import build_worker
from baukasten_core.contracts.auth import Principal
from baukasten_core.contracts.mail import Mail
from baukasten_core.plugins import PluginHost
from baukasten_core.services import Services
from baukasten_core.settings import Settings, load_settings
from baukasten_core.testing.fakes import MemoryMailer
from baukasten_core.testing.fixtures_db import DatabaseUrls, create_user


@dataclass(frozen=True)
class SignedIn:
    """A user with a session: `headers` authenticate a request."""

    principal: Principal
    token: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    @property
    def id(self) -> UUID:
        return self.principal.user_id


def test_settings(home: Path, urls: DatabaseUrls, **sections: Any) -> Settings:
    """Settings of a platform under test: loopback, no real model, a home of its own."""
    values: dict[str, Any] = {
        "home": home,
        "database": {"app_url": urls.app, "pool_size": 5},
        "auth": {"registrations": 100_000},
        **sections,
    }
    return load_settings(values)


test_settings.__test__ = False  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def app_settings(database_urls: DatabaseUrls, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of `app`; override in a module to change them."""
    return test_settings(tmp_path_factory.mktemp("home"), database_urls)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def app(app_settings: Settings) -> AsyncIterator[FastAPI]:
    """The application, started."""
    app = create_app(app_settings, PluginHost.discover())
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture(scope="module")
def services(app: FastAPI) -> Services:
    """The application's services."""
    found: Services = app.state.services
    return found


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """An HTTP client of the application; an unexpected error is a 500, as for a real client."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
        yield client


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def served(app: FastAPI) -> AsyncIterator[str]:
    """The application on a real socket (loopback); the fixture's value is its address."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, lifespan="off", log_level="warning"))
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        running = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started:  # noqa: ASYNC110 (uvicorn has no event for it)
            await asyncio.sleep(0.01)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        await running


@pytest.fixture
def run_jobs(app: FastAPI) -> Callable[[], Awaitable[None]]:
    """Runs the queued jobs that are due, to their end: `await run_jobs()`."""

    async def run() -> None:
        await build_worker(app.state.services).drain()

    return run


class Outbox:
    """The mails of the application under test; asking for them runs the jobs that send them."""

    def __init__(self, mailer: MemoryMailer, run_jobs: Callable[[], Awaitable[None]]) -> None:
        self.mailer = mailer
        self._run_jobs = run_jobs

    async def sent(self) -> list[Mail]:
        """All of them, oldest first."""
        await self._run_jobs()
        return self.mailer.sent

    async def last(self, to: str) -> Mail:
        """The last mail to an address."""
        await self._run_jobs()
        return self.mailer.last(to)

    async def token(self, to: str) -> str:
        """The token in the link of the last mail to an address."""
        await self._run_jobs()
        return self.mailer.token(to)


@pytest.fixture
def outbox(app: FastAPI, run_jobs: Callable[[], Awaitable[None]]) -> Outbox:
    """Mails are kept here from now on."""
    mailer = MemoryMailer()
    app.state.services = dataclasses.replace(app.state.services, mailer=mailer)
    return Outbox(mailer, run_jobs)


@pytest.fixture
def user(services: Services, database_urls: DatabaseUrls) -> SignedIn:
    """A new signed-in user."""
    return sign_in(services, database_urls)


@pytest.fixture
def other_user(services: Services, database_urls: DatabaseUrls) -> SignedIn:
    """Another new signed-in user."""
    return sign_in(services, database_urls)


@pytest.fixture
def admin(services: Services, database_urls: DatabaseUrls) -> SignedIn:
    """A new signed-in admin."""
    signed_in = sign_in(services, database_urls)
    with psycopg.connect(database_urls.owner) as connection:
        connection.execute("UPDATE core.users SET is_admin = true WHERE id = %s", [signed_in.id])
    return signed_in


def sign_in(services: Services, urls: DatabaseUrls) -> SignedIn:
    """A new user with a live session, without the detour of a password."""
    principal = create_user(urls)
    session_id = uuid4()
    with psycopg.connect(urls.owner) as connection:
        connection.execute(
            "INSERT INTO core.sessions (id, user_id, family_hash, refresh_hash, expires_at)"
            " VALUES (%s, %s, '', '', now() + interval '1 day')",
            [session_id, principal.user_id],
        )
    return SignedIn(principal, services.tokens.issue(session_id, principal.user_id))
