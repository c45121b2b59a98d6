"""Where files lie in the blob store: the originals of documents, and what showcases keep."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

from baukasten_core.contracts.storage import BlobStore

PIECE = 256 * 1024


def file_key(tenant_id: UUID, project_id: UUID | None, document_id: UUID) -> str:
    """The blob key of a document's original, or of a showcase's file."""
    return f"{tenant_id}/{project_id or '-'}/{document_id}"


async def delete_project_files(blobs: BlobStore, tenant_id: UUID, project_id: UUID) -> int:
    """Delete every file of a project; answers how many there were."""
    return await blobs.delete(f"{tenant_id}/{project_id}/")


def digest_of(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


async def pieces_of(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while piece := await asyncio.to_thread(file.read, PIECE):
            yield piece


async def text_pieces(content: str) -> AsyncIterator[bytes]:
    for at in range(0, len(content), PIECE):
        yield content[at : at + PIECE].encode()
