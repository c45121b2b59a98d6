"""How far documents are: a project's all together, and one by its pages."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from baukasten_core.documents.models import Chunk, Document


@dataclass(frozen=True, slots=True)
class Totals:
    """Documents by status, and chunks that are indexed of those that are known to come."""

    queued: int = 0
    processing: int = 0
    ready: int = 0
    failed: int = 0
    chunks_done: int = 0
    chunks_total: int = 0


async def totals(session: AsyncSession, project_id: UUID) -> Totals:
    """Of the documents that the transaction sees."""
    done, total = func.sum(Document.chunk_count), func.sum(Document.chunk_total)
    query = select(Document.status, func.count(), done, total).group_by(Document.status)
    rows = await session.execute(query.where(Document.project_id == project_id))
    found = rows.tuples().all()
    return Totals(
        **{status: documents for status, documents, _, _ in found},
        chunks_done=sum(done or 0 for _, _, done, _ in found),
        chunks_total=sum(total or 0 for _, _, _, total in found),
    )


async def last_page(session: AsyncSession, document: Document) -> int | None:
    """The page that indexing has come to; None before the first, and where there are no pages."""
    last = document.chunk_count - 1
    query = select(Chunk.page).where(Chunk.document_id == document.id, Chunk.ordinal == last)
    return await session.scalar(query) if last >= 0 else None
