"""Where files lie in the blob store: the originals of documents, and what showcases keep."""

from __future__ import annotations

from uuid import UUID

from baukasten_core.contracts.storage import BlobStore


def file_key(tenant_id: UUID, project_id: UUID | None, document_id: UUID) -> str:
    """The blob key of a document's original, or of a showcase's file."""
    return f"{tenant_id}/{project_id or '-'}/{document_id}"


async def delete_project_files(blobs: BlobStore, tenant_id: UUID, project_id: UUID) -> int:
    """Delete every file of a project; answers how many there were."""
    return await blobs.delete(f"{tenant_id}/{project_id}/")
