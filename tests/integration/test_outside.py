"""What a document or a project has outside of PostgreSQL goes if and only if its rows do."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from types import ModuleType
from typing import Any

import httpx
import psycopg
import pytest
import pytest_asyncio
from fastapi import FastAPI

from baukasten_core.app import create_app
from baukasten_core.contracts.provider import Provider
from baukasten_core.documents.outside import ERASE
from baukasten_core.errors import ProviderUnavailable
from baukasten_core.hookspecs import hookimpl
from baukasten_core.plugins import PluginHost
from baukasten_core.services import Services
from baukasten_core.settings import Settings
from baukasten_core.testing.fakes import FakeEmbedder, MemoryBlobStore, MemoryVectorStore
from baukasten_core.testing.fixtures_app import SignedIn, test_settings
from baukasten_core.testing.fixtures_db import DatabaseUrls

RunJobs = Callable[[], Awaitable[None]]


class Blobs(MemoryBlobStore):
    down = False

    async def delete(self, prefix: str) -> int:
        if self.down:
            raise ProviderUnavailable("down")
        return await super().delete(prefix)


def plugin() -> ModuleType:
    """Stores that are not PostgreSQL."""
    module = ModuleType("stores")

    @hookimpl
    def register_vector_stores() -> Any:
        return [Provider("memory", lambda _: MemoryVectorStore(), in_process=True)]

    @hookimpl
    def register_blob_stores() -> Any:
        return [Provider("memory", lambda _: Blobs(), in_process=True)]

    for hook in (register_vector_stores, register_blob_stores):
        setattr(module, hook.__name__, hook)
    return module


@pytest.fixture(scope="module")
def app_settings(database_urls: DatabaseUrls, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    storage = {"vectors": "memory", "blobs": "memory"}
    return test_settings(tmp_path_factory.mktemp("home"), database_urls, storage=storage)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def app(app_settings: Settings) -> AsyncIterator[FastAPI]:
    app = create_app(app_settings, PluginHost.discover(extra=[plugin()]), embedder=FakeEmbedder())
    async with app.router.lifespan_context(app):
        yield app


class Stores:
    """What is in both stores."""

    def __init__(self, services: Services) -> None:
        assert isinstance(services.blobs, Blobs)
        assert isinstance(services.vectors, MemoryVectorStore)
        self.blobs, self.vectors = services.blobs, services.vectors

    def of(self, part: str) -> tuple[int, int]:
        """Files and vectors of a document or a project."""
        files = [key for key in self.blobs.files if part in key]
        vectors = [
            vector
            for vector in self.vectors.vectors.values()
            if part in (str(vector.document_id), str(vector.project_id))
        ]
        return len(files), len(vectors)


@pytest.fixture
def stores(services: Services) -> Stores:
    return Stores(services)


async def put_in(client: httpx.AsyncClient, user: SignedIn, run_jobs: RunJobs) -> tuple[str, str]:
    """A project with a document that is ready."""
    body = {"name": "P", "type": "other"}
    project = (await client.post("/projects", json=body, headers=user.headers)).json()["id"]
    document = await client.post(
        "/documents/upload",
        files={"file": ("a.txt", b"Dippers walk under water.")},
        data={"project_id": project, "private": "true"},
        headers=user.headers,
    )
    assert document.status_code == 201, document.text
    await run_jobs()
    return project, document.json()["id"]


async def test_files_and_foreign_vectors_go_with_a_document(
    client: httpx.AsyncClient, stores: Stores, user: SignedIn, run_jobs: RunJobs
) -> None:
    project, document = await put_in(client, user, run_jobs)
    _, other = await put_in(client, user, run_jobs)
    found = await client.post(
        "/documents/search", json={"query": "dippers under water"}, headers=user.headers
    )
    assert {hit["id"] for hit in found.json()} == {document, other}
    assert stores.of(document) == stores.of(project) == (1, 1)
    assert (await client.delete(f"/documents/{document}", headers=user.headers)).status_code == 204
    assert stores.of(document) == (0, 0)
    assert stores.of(other) == (1, 1)


async def test_a_document_without_a_file_takes_its_foreign_vectors_along(
    client: httpx.AsyncClient, stores: Stores, user: SignedIn, run_jobs: RunJobs
) -> None:
    body = {"content": "Wagtails run along the bank."}
    made = await client.post("/documents/text", json=body, headers=user.headers)
    document = made.json()["id"]
    await run_jobs()
    assert stores.of(document) == (0, 1)
    await client.delete(f"/documents/{document}", headers=user.headers)
    assert stores.of(document) == (0, 0)


async def test_all_of_a_project_goes_by_a_job_also_what_others_keep_private_in_it(
    client: httpx.AsyncClient,
    services: Services,
    database_urls: DatabaseUrls,
    stores: Stores,
    user: SignedIn,
    other_user: SignedIn,
    run_jobs: RunJobs,
) -> None:
    project, document = await put_in(client, user, run_jobs)
    _, other = await put_in(client, user, run_jobs)
    with psycopg.connect(database_urls.owner) as connection:
        connection.execute(
            "INSERT INTO core.memberships (tenant_id, user_id, role) VALUES (%s, %s, 'owner')",
            [user.principal.tenant_id, other_user.id],
        )
    headers = {**other_user.headers, "X-Tenant": str(user.principal.tenant_id)}
    stores.blobs.down = True  # a project is deleted whether or not a store answers
    assert (await client.delete(f"/projects/{project}", headers=headers)).status_code == 204
    assert stores.of(project) == stores.of(document) == (1, 1)
    stores.blobs.down = False
    await run_jobs()
    assert stores.of(project) == stores.of(document) == (0, 0)
    assert stores.of(other) == (1, 1)
    with psycopg.connect(database_urls.owner) as connection:
        left = connection.execute(
            "SELECT args->>'user_id', scheduled_at > now() + interval '50 minutes'"
            " FROM jobs.procrastinate_jobs"
            " WHERE task_name = %s AND args->'ids'->>'project_id' = %s",
            [ERASE, project],
        ).fetchall()
    assert left == [(None, True)]


FAILING_COMMIT = """
CREATE FUNCTION public.fail() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'the commit fails'; END $$;
CREATE CONSTRAINT TRIGGER fail AFTER DELETE ON core.projects DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION public.fail();
"""


async def test_nothing_goes_when_the_project_stays(
    client: httpx.AsyncClient,
    database_urls: DatabaseUrls,
    stores: Stores,
    user: SignedIn,
    run_jobs: RunJobs,
) -> None:
    project, document = await put_in(client, user, run_jobs)
    with psycopg.connect(database_urls.owner, autocommit=True) as connection:
        connection.execute(FAILING_COMMIT)
        response = await client.delete(f"/projects/{project}", headers=user.headers)
        connection.execute("DROP FUNCTION public.fail CASCADE")
    assert response.status_code == 500
    await run_jobs()
    assert stores.of(document) == stores.of(project) == (1, 1)
    assert (await client.get(f"/projects/{project}", headers=user.headers)).status_code == 200
