"""Where the original files of documents lie in the blob store."""

from __future__ import annotations

from uuid import UUID

from baukasten_core.contracts.storage import BlobStore


def file_key(tenant_id: UUID, project_id: UUID | None, document_id: UUID) -> str:
    """The blob key of a document's original file."""
    return f"{tenant_id}/{project_id or '-'}/{document_id}"


async def delete_project_files(blobs: BlobStore, tenant_id: UUID, project_id: UUID) -> int:
    """Delete the files of a project's documents; answers how many there were."""
    return await blobs.delete(f"{tenant_id}/{project_id}/")
