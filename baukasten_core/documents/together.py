"""Short texts that wait are indexed together: a batch of them costs little more than one."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import undefer

from baukasten_core.documents.models import Document

UNDECIDED = ("queued", "processing")
SHORT = 4_000
"""Characters up to which a text counts as a short one."""

TOGETHER = 64
"""Documents."""


async def claim_others(session: AsyncSession, document: Document) -> Sequence[Document]:
    """Short texts of the same project and user that wait as this one does; none for one that is
    long, or still a file. The newest come first: the turn of the oldest comes next, in another
    worker."""
    if document.content_length is None or document.content_length > SHORT or document.chunk_count:
        return ()
    waiting = (
        select(Document)
        .options(undefer(Document.content), undefer(Document.pages))
        .where(
            Document.tenant_id == document.tenant_id,
            Document.project_id.is_not_distinct_from(document.project_id),
            Document.user_id == document.user_id,
            Document.status == "queued",
            Document.content_length <= SHORT,
            Document.chunk_count == 0,
            Document.id != document.id,
        )
        .order_by(Document.created_at.desc())
        .limit(TOGETHER - 1)
        .with_for_update(of=Document, skip_locked=True)
    )
    others = (await session.scalars(waiting)).all()
    await set_status(session, others, "processing")
    return others


async def set_status(session: AsyncSession, documents: Sequence[Document], status: str) -> None:
    """Of those that are not ready meanwhile."""
    keys = [document.id for document in documents]
    rows = update(Document).where(Document.id.in_(keys), Document.status.in_(UNDECIDED))
    if keys:
        values = rows.values(status=status)
        await session.execute(values, execution_options={"synchronize_session": False})


async def are_ready(session: AsyncSession, ids: Sequence[UUID]) -> Sequence[UUID]:
    """Which of these documents are done with."""
    query = select(Document.id).where(Document.id.in_(ids), Document.status == "ready")
    return (await session.scalars(query)).all()
