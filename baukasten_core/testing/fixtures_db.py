"""pytest fixtures: a real PostgreSQL, migrated once, and a fresh database a test where wanted.

async def test_something(database, tenant):
    async with database.transaction(tenant.scope) as session: ...
"""

from __future__ import annotations

import itertools
import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol
from urllib.parse import urlsplit

import psycopg
import pytest
import pytest_asyncio
from psycopg import sql
from sqlalchemy import text

from baukasten_core.contracts.auth import Principal
from baukasten_core.db.embedded import start_embedded
from baukasten_core.db.migrate import Migrated, migrate
from baukasten_core.db.session import Database
from baukasten_core.db.urls import app_url, libpq_url, sqlalchemy_url

PASSWORD = "only-for-tests"
FAST = "-c fsync=off -c synchronous_commit=off -c full_page_writes=off"

SERVER = "TEST_POSTGRES_URL"
"""Environment variable: a superuser's URL of another server to run the tests on (PostgreSQL 15 or
newer with pgvector 0.7 or newer, nothing of value on it)."""

_numbers = itertools.count(1)


class Server(Protocol):
    """What tests need of a PostgreSQL server."""

    @property
    def url(self) -> str:
        """The superuser's URL."""
        ...

    def url_of(self, database: str) -> str:
        """The same for another database."""
        ...


@dataclass(frozen=True)
class GivenPostgres:
    """A server that is there already."""

    url: str

    def url_of(self, database: str) -> str:
        return urlsplit(self.url)._replace(path=f"/{database}").geturl()


@dataclass
class TestDatabases:
    """Makes migrated databases on one server; each is a copy of a template."""

    __test__ = False
    server: Server
    _templates: dict[tuple[str, ...], str] = field(default_factory=dict)

    def create(self, *showcases: Migrated) -> DatabaseUrls:
        """A fresh database with the core's tables and those of `showcases`."""
        template = self._template(showcases)
        name = f"test_{os.getpid()}_{next(_numbers)}"
        self._execute("CREATE DATABASE {} TEMPLATE {}", name, template)
        return self.urls(name)

    def urls(self, name: str) -> DatabaseUrls:
        owner = self.server.url_of(name)
        return DatabaseUrls(owner, app_url(owner, "baukasten_app", PASSWORD))

    def _template(self, showcases: tuple[Migrated, ...]) -> str:
        key = tuple(showcase.schema for showcase in showcases)
        if key not in self._templates:
            name = f"template_{os.getpid()}_{next(_numbers)}"
            self._execute("CREATE DATABASE {}", name)
            report = migrate(self.server.url_of(name), showcases, app_password=PASSWORD)
            assert not report.failed, report.failed
            self._templates[key] = name
        return self._templates[key]

    def _execute(self, statement: str, *names: str) -> None:
        with psycopg.connect(libpq_url(self.server.url), autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


@dataclass(frozen=True)
class DatabaseUrls:
    """The owner's and the app role's URL of one test database."""

    owner: str
    app: str


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A real PostgreSQL server for the whole test run: one of our own, or the given."""
    if SERVER in os.environ:
        yield GivenPostgres(os.environ[SERVER])
        return
    # Not below pytest's own folder: each run of pytest closes that to everybody else, and as
    # root the server runs as another user.
    with TemporaryDirectory(prefix="baukasten-pg-") as folder:
        server = start_embedded(Path(folder), PASSWORD, options=FAST)
        yield server
        server.stop()


@pytest.fixture(scope="session")
def databases(postgres: Server) -> TestDatabases:
    """Makes further databases, for tests that need one of their own."""
    return TestDatabases(postgres)


@pytest.fixture(scope="module")
def database_urls(databases: TestDatabases) -> DatabaseUrls:
    """A migrated database for the tests of one module."""
    return databases.create()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def database(database_urls: DatabaseUrls) -> AsyncIterator[Database]:
    """The module's database as the platform uses it: the app role, under row-level security."""
    database = Database(database_urls.app, pool_size=5)
    yield database
    await database.close()


@pytest.fixture
def tenant(database_urls: DatabaseUrls) -> Principal:
    """A new user with a personal tenant."""
    return create_user(database_urls)


@pytest.fixture
def stranger(database_urls: DatabaseUrls) -> Principal:
    """Another new user with another tenant."""
    return create_user(database_urls)


def create_user(urls: DatabaseUrls, email: str | None = None, **columns: object) -> Principal:
    """A user with a personal tenant, written as the superuser."""
    from sqlalchemy import create_engine
    from sqlalchemy.pool import NullPool

    email = email or f"user{next(_numbers)}@example.test"
    engine = create_engine(sqlalchemy_url(urls.owner), poolclass=NullPool)
    with engine.begin() as connection:
        row = connection.execute(
            text(
                "WITH u AS (INSERT INTO core.users (id, email) VALUES (gen_random_uuid(), :email)"
                " RETURNING id), t AS (INSERT INTO core.tenants (id, name, personal_of, residency)"
                " SELECT gen_random_uuid(), :email, id, '{local}' FROM u RETURNING id, personal_of)"
                " INSERT INTO core.memberships (tenant_id, user_id, role)"
                " SELECT id, personal_of, 'owner' FROM t RETURNING tenant_id, user_id"
            ),
            {"email": email},
        ).one()
    engine.dispose()
    return Principal(user_id=row.user_id, tenant_id=row.tenant_id, email=email)
