"""Settings as the plain arguments that rooms and providers take: the adapters of `app`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from baukasten_core.contracts.auth import Scope
from baukasten_core.contracts.showcase import TextTransform
from baukasten_core.db.session import Database
from baukasten_core.documents.access import Guard
from baukasten_core.documents.limits import MIB, Limits
from baukasten_core.gateway.audited import refusals_to_audit
from baukasten_core.gateway.residency import LOCAL, Destination, Kind, region_of, require_allowed
from baukasten_core.plugins import PluginHost
from baukasten_core.projects.residency import allowed_residency
from baukasten_core.settings import Settings


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
    if settings.storage.vectors != "pgvector":
        return {}
    return {"exact_below": settings.retrieval.exact_below}


def transform_of(host: PluginHost, type_: str) -> TextTransform | None:
    """The text transform of a type of project, if its showcase has one."""
    showcase = host.showcases().get(type_)
    return showcase.text_transform if showcase else None


def embedding_guard(settings: Settings, database: Database) -> Guard | None:
    """Refuses to embed what may not go where the embedder is; None for one on this machine."""
    options, name = settings.embedding.options, settings.embedding.provider
    return _guard("embedding", name, "embedding.options", "base_url", options, database)


def blob_guard(settings: Settings, database: Database) -> Guard | None:
    """Refuses to store what may not lie where the blob store is; None for a local folder."""
    options, name = settings.storage.blob_options, settings.storage.blobs
    return _guard("blobs", name, "storage.blob_options", "url", options, database)


def _guard(
    kind: Kind,
    name: str,
    section: str,
    address: str,
    options: Mapping[str, Any],
    database: Database,
) -> Guard | None:
    """By default all of them are on this machine; an address makes the difference."""
    if address not in options and "region" not in options:
        return None
    region = region_of(options.get(address), options.get("region"))
    where = Destination(kind, name, region, f"{section}.region")

    async def guard(scope: Scope, project_id: UUID | None) -> None:
        if region == LOCAL or scope.tenant_id is None:
            return
        async with database.transaction(scope) as session:
            allowed = await allowed_residency(session, scope.tenant_id, project_id)
        await require_allowed(
            where,
            allowed,
            on_refused=refusals_to_audit(database),
            tenant_id=scope.tenant_id,
            user_id=scope.user_id,
            project_id=project_id,
        )

    return guard
