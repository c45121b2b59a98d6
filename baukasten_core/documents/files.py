"""Where files lie in the blob store: the originals of documents, and what showcases keep."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

PIECE = 256 * 1024


def file_key(tenant_id: UUID, project_id: UUID | None, document_id: UUID) -> str:
    """The blob key of a document's original, or of a showcase's file."""
    return f"{tenant_id}/{project_id or '-'}/{document_id}"


def file_prefix(
    tenant_id: UUID, project_id: UUID | None = None, document_id: UUID | None = None
) -> str:
    """What the keys begin with: of a document's file, of all files of a project, or of a tenant."""
    if document_id is not None:
        return file_key(tenant_id, project_id, document_id)
    return f"{tenant_id}/" if project_id is None else f"{tenant_id}/{project_id}/"


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
