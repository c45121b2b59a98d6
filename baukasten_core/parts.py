"""Settings as the plain arguments that rooms and providers take: the adapters of `app`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from baukasten_core.contracts.auth import Scope
from baukasten_core.contracts.provider import Provider
from baukasten_core.contracts.showcase import TextTransform
from baukasten_core.db.session import Database
from baukasten_core.documents.access import Guard
from baukasten_core.documents.embedders import DEFAULT
from baukasten_core.documents.limits import MIB, Limits
from baukasten_core.errors import PluginQuarantined
from baukasten_core.gateway.audited import refusals_to_audit
from baukasten_core.gateway.residency import LOCAL, Destination, region_of, require_allowed
from baukasten_core.plugins import PluginHost
from baukasten_core.projects.residency import allowed_residency, strictest_residency
from baukasten_core.projects.service import OTHER
from baukasten_core.settings import Settings

Residency = Callable[[AsyncSession, UUID, UUID | None], Awaitable[frozenset[str]]]
"""(transaction, tenant, project) -> the regions where their data may be processed."""

MakeGuard = Callable[[Settings, PluginHost, Database], Guard | None]


def document_limits(settings: Settings) -> Limits:
    """What a document may cost, as the settings say."""
    documents = settings.documents
    return Limits(
        file_bytes=documents.max_upload_mib * MIB,
        text_bytes=documents.max_text_mib * MIB,
        pages=documents.max_pages,
        extract_seconds=documents.extract_seconds,
        check_seconds=documents.check_seconds,
        memory_bytes=documents.extract_memory_mib * MIB,
        fetch_seconds=documents.fetch_seconds,
        fetch_bytes=documents.fetch_mib * MIB,
    )


def vector_options(settings: Settings) -> Mapping[str, Any]:
    """What the vector store is configured with."""
    storage = settings.storage
    if storage.vectors != "pgvector":
        return storage.vector_options
    return {"exact_below": settings.retrieval.exact_below, **storage.vector_options}


def blob_options(settings: Settings) -> Mapping[str, Any]:
    """What the blob store is configured with: by default, a folder in the platform's own."""
    storage = settings.storage
    if storage.blobs != "fsspec":
        return storage.blob_options
    return {"url": str((settings.home / "blobs").absolute()), **storage.blob_options}


def transform_of(host: PluginHost, type_: str) -> TextTransform | None:
    """The text transform of a type of project, if its showcase has one.

    Raises `PluginQuarantined` where nobody can tell: what a transform would take out must not be
    indexed, or sent to an embedder, because its showcase is out of order.
    """
    if type_ == OTHER:
        return None
    showcase = host.showcases().get(type_)
    if showcase is None:
        raise PluginQuarantined(f"The showcase `{type_}` is not here, or quarantined.")
    return showcase.text_transform


# --- where data may go -----------------------------------------------------------------------


def embedding_guards(
    settings: Settings, host: PluginHost, database: Database
) -> Mapping[str, Guard]:
    """By the name of an embedder: refuses to embed what may not go where it is. None is needed
    for one on this machine."""
    embedding, guards = settings.embedding, {}
    place = "embedding.options.region"
    embedders = {DEFAULT: (embedding.provider, embedding.options, place)}
    for name, one in embedding.more.items():
        embedders[name] = (one.provider, one.options, f"embedding.more.{name}.options.region")
    for name, (provider, options, setting) in embedders.items():
        region = provider_region(host.embedding_providers().get(provider), options)
        where = Destination("embedding", provider, region, setting)
        if guard := _guard(where, database, allowed_residency):
            guards[name] = guard
    return guards


def blob_guard(settings: Settings, host: PluginHost, database: Database) -> Guard | None:
    """Refuses to store what may not lie where the blob store is; None for a local folder."""
    provider = settings.storage.blobs
    region = provider_region(host.blob_stores().get(provider), blob_options(settings))
    where = Destination("blobs", provider, region, "storage.blob_options.region")
    return _guard(where, database, allowed_residency)


def vector_guard(settings: Settings, host: PluginHost, database: Database) -> Guard | None:
    """Refuses to put vectors where the data may not go; None for the platform's own database."""
    provider = settings.storage.vectors
    region = provider_region(host.vector_stores().get(provider), vector_options(settings))
    where = Destination("vectors", provider, region, "storage.vector_options.region")
    return _guard(where, database, allowed_residency)


def reranking_guard(settings: Settings, host: PluginHost, database: Database) -> Guard | None:
    """Refuses to rerank what may not go where the reranker is; None without one, or for one on
    this machine. A search of the whole tenant may bring passages of its strictest project."""
    provider, options = settings.retrieval.reranker, settings.retrieval.reranker_options
    if provider is None:
        return None
    region = provider_region(host.rerankers().get(provider), options)
    where = Destination("reranking", provider, region, "retrieval.reranker_options.region")
    return _guard(where, database, strictest_residency)


def speech_guard(settings: Settings, host: PluginHost, database: Database) -> Guard | None:
    """Refuses to transcribe what may not go where that is done; None without a speech provider, or
    for one on this machine."""
    provider, options = settings.speech.provider, settings.speech.options
    if provider is None:
        return None
    region = provider_region(host.speech_providers().get(provider), options)
    where = Destination("speech", provider, region, "speech.options.region")
    return _guard(where, database, allowed_residency)


def search_guard(settings: Settings, host: PluginHost, database: Database) -> Guard | None:
    """Refuses to search what may not go to the vector store or the reranker."""
    return _all(settings, host, database, (vector_guard, reranking_guard))


def provider_region(provider: Provider[Any] | None, options: Mapping[str, Any]) -> str:
    """Where a configured provider works: what its configuration declares, else this machine if it
    says that it works in this process or has an address that is here. Else nobody knows."""
    try:
        config = provider.config(**options) if provider else None
    except ValidationError:  # building it says what is wrong
        config = None
    declared = getattr(config, "region", None)
    if provider is not None and provider.in_process and config is not None and not declared:
        return LOCAL
    address = getattr(config, "base_url", None) or getattr(config, "url", None)
    return region_of(str(address) if address else None, declared)


def _all(
    settings: Settings, host: PluginHost, database: Database, makers: Sequence[MakeGuard]
) -> Guard | None:
    made = [make(settings, host, database) for make in makers]
    guards = [one for one in made if one is not None]

    async def guard(scope: Scope, project_id: UUID | None) -> None:
        for one in guards:
            await one(scope, project_id)

    return guard if guards else None


def _guard(where: Destination, database: Database, residency: Residency) -> Guard | None:
    if where.region == LOCAL:
        return None

    async def guard(scope: Scope, project_id: UUID | None) -> None:
        allowed: frozenset[str] = frozenset()
        if scope.tenant_id is not None:
            async with database.transaction(scope) as session:
                allowed = await residency(session, scope.tenant_id, project_id)
        await require_allowed(
            where,
            allowed,
            on_refused=refusals_to_audit(database),
            tenant_id=scope.tenant_id,
            user_id=scope.user_id,
            project_id=project_id,
        )

    return guard
