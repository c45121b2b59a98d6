"""Nothing reaches an embedder, a blob store or a reranker where the data may not go."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import UUID

import psycopg
import pytest
import pytest_asyncio

from baukasten_core.assembly import open_services
from baukasten_core.contracts.auth import Principal
from baukasten_core.contracts.provider import Provider, ProviderConfig
from baukasten_core.documents.service import Upload
from baukasten_core.errors import ResidencyViolation
from baukasten_core.hookspecs import hookimpl
from baukasten_core.plugins import PluginHost
from baukasten_core.projects.service import create_project
from baukasten_core.services import Services
from baukasten_core.testing.fakes import FakeEmbedder, MemoryBlobStore, MemoryVectorStore
from baukasten_core.testing.fixtures_app import test_settings as settings_of
from baukasten_core.testing.fixtures_db import DatabaseUrls

SHOWCASES = ("cv_matcher", "privategpt", "tellmelife")


class FarConfig(ProviderConfig):
    region: str | None = None


class FarReranker:
    name = "far"

    def __init__(self, config: FarConfig) -> None:
        self.read: list[str] = []

    async def rerank(self, query: str, passages: Sequence[str]) -> Sequence[float]:
        self.read += passages
        return [0.9 for _ in passages]


def plugin() -> ModuleType:
    module = ModuleType("elsewhere")

    @hookimpl
    def register_rerankers() -> Any:
        return [Provider("far", FarReranker, FarConfig)]

    @hookimpl
    def register_blob_stores() -> Any:
        return [Provider("far", lambda _: MemoryBlobStore(), FarConfig)]

    @hookimpl
    def register_vector_stores() -> Any:
        return [Provider("far", lambda _: MemoryVectorStore(), FarConfig)]

    for hook in (register_rerankers, register_blob_stores, register_vector_stores):
        setattr(module, hook.__name__, hook)
    return module


def opened(home: Path, urls: DatabaseUrls, **sections: Any) -> Any:
    host = PluginHost.discover(disabled=SHOWCASES, extra=[plugin()])
    settings = settings_of(home, urls, **sections)
    return open_services(settings, host, embedder=FakeEmbedder())


@pytest_asyncio.fixture(loop_scope="session")
async def with_reranker(
    tmp_path: Path, database_urls: DatabaseUrls
) -> AsyncIterator[tuple[Services, FarReranker]]:
    """A platform whose reranker is declared to be in `eu`."""
    retrieval = {"reranker": "far", "reranker_options": {"region": "eu"}}
    async with opened(tmp_path, database_urls, retrieval=retrieval) as services:
        yield services, services.searcher._reranker


async def add(services: Services, owner: Principal, project_id: Any = None) -> None:
    document = await services.documents.add_text(
        owner, "Wombats dig burrows.", project_id=project_id
    )
    handler = services.documents.handlers()["documents.ingest"]
    await handler.run(owner.scope, document_id=document.id)


def allow(urls: DatabaseUrls, tenant: Principal, *regions: str) -> None:
    with psycopg.connect(urls.owner) as connection:
        connection.execute(
            "UPDATE core.tenants SET residency = %s WHERE id = %s",
            [list(regions), tenant.tenant_id],
        )


def refusals(urls: DatabaseUrls, tenant: Principal) -> list[tuple[str, str]]:
    with psycopg.connect(urls.owner) as connection:
        return connection.execute(
            "SELECT details->>'kind', details->>'region' FROM core.audit"
            " WHERE action = 'residency.refused' AND tenant_id = %s",
            [tenant.tenant_id],
        ).fetchall()


async def test_no_passage_reaches_a_reranker_where_it_may_not_go(
    with_reranker: tuple[Services, FarReranker], database_urls: DatabaseUrls, tenant: Principal
) -> None:
    services, reranker = with_reranker
    await add(services, tenant)
    with pytest.raises(ResidencyViolation, match="`far` processes data in `eu`"):
        await services.searcher.search(tenant, "wombats")
    assert not reranker.read
    assert refusals(database_urls, tenant) == [("reranking", "eu")]
    allow(database_urls, tenant, "local", "eu")
    (passage,) = await services.searcher.search(tenant, "wombats")
    assert (passage.score, len(reranker.read)) == (0.9, 1)


async def test_a_search_of_the_whole_tenant_heeds_its_strictest_project(
    with_reranker: tuple[Services, FarReranker], database_urls: DatabaseUrls, tenant: Principal
) -> None:
    services, reranker = with_reranker
    allow(database_urls, tenant, "local", "eu")
    projects = {}
    with psycopg.connect(database_urls.owner) as connection:
        for name, residency in (("open", None), ("strict", ["local"])):
            row = connection.execute(
                "INSERT INTO core.projects (id, tenant_id, user_id, name, type, residency)"
                " VALUES (gen_random_uuid(), %s, %s, %s, 'other', %s) RETURNING id",
                [tenant.tenant_id, tenant.user_id, name, residency],
            ).fetchone()
            assert row is not None
            projects[name] = row[0]
    for project_id in projects.values():
        await add(services, tenant, project_id)
    for project_id in (projects["strict"], None):
        with pytest.raises(ResidencyViolation):
            await services.searcher.search(tenant, "wombats", project_id=project_id)
    assert not reranker.read
    assert await services.searcher.search(tenant, "wombats", project_id=projects["open"])


async def test_no_file_reaches_a_store_that_nobody_has_placed(
    tmp_path: Path, database_urls: DatabaseUrls, tenant: Principal
) -> None:
    path = tmp_path / "file"
    path.write_text("Stays here.")
    upload = Upload(path, "a.txt", 11, b"z" * 32)
    async with opened(tmp_path, database_urls, storage={"blobs": "far"}) as services:
        with pytest.raises(ResidencyViolation, match="Nobody has declared where `far`") as error:
            await services.documents.add_file(tenant, upload)
        assert "storage.blob_options.region" in str(error.value.hint)
        assert isinstance(services.blobs, MemoryBlobStore)
        assert not services.blobs.files


async def test_no_vector_reaches_a_store_where_it_may_not_go(
    tmp_path: Path, database_urls: DatabaseUrls, tenant: Principal
) -> None:
    storage = {"vectors": "far", "vector_options": {"region": "eu"}}
    async with opened(tmp_path, database_urls, storage=storage) as services:
        with pytest.raises(ResidencyViolation, match="`far` processes data in `eu`"):
            await add(services, tenant)
        with pytest.raises(ResidencyViolation):
            await services.searcher.search(tenant, "wombats")
        assert refusals(database_urls, tenant) == [("vectors", "eu")] * 2
        assert isinstance(services.vectors, MemoryVectorStore)
        assert not services.vectors.vectors
        allow(database_urls, tenant, "local", "eu")
        await add(services, tenant, await a_project(services, tenant))
        assert services.vectors.vectors
        assert await services.searcher.search(tenant, "wombats")


async def a_project(services: Services, owner: Principal) -> UUID:
    async with services.database.transaction(owner.scope) as session:
        project = await create_project(
            session, owner, name="P", type_="other", description=None, config={}
        )
    return project.id
