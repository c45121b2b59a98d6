"""Reading and writing rows: row-level security decides what is seen."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from sqlalchemy import select, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from baukasten_core.api import BaukastenError, Cursor, NotFound
from baukasten_tellmelife.chapters import Written
from baukasten_tellmelife.models import Book, Chapter, Entry


async def get_entry(session: AsyncSession, entry_id: UUID) -> Entry:
    """Raises `NotFound` for an entry that is not there or not the caller's to see."""
    entry = await session.get(Entry, entry_id)
    if entry is None:
        raise NotFound("Entry not found")
    return entry


async def list_entries(
    session: AsyncSession, project_id: UUID, *, limit: int, after: Cursor | None = None
) -> Sequence[Entry]:
    """In the order of a life: the earliest day first, those of one day as they were written."""
    query = select(Entry).where(Entry.project_id == project_id)
    if after is not None:
        query = query.where(tuple_(Entry.date, Entry.id) > (after.time.date(), after.id))
    return (await session.scalars(query.order_by(Entry.date, Entry.id).limit(limit))).all()


async def entries_between(
    session: AsyncSession, project_id: UUID, since: date | None, until: date | None
) -> Sequence[Entry]:
    """All entries of these days, in order."""
    query = select(Entry).where(Entry.project_id == project_id)
    if since is not None:
        query = query.where(Entry.date >= since)
    if until is not None:
        query = query.where(Entry.date <= until)
    return (await session.scalars(query.order_by(Entry.date, Entry.id))).all()


async def get_chapter(session: AsyncSession, entry_id: UUID) -> Chapter | None:
    """The chapter of an entry."""
    return await session.scalar(select(Chapter).where(Chapter.entry_id == entry_id))


async def chapters_of(session: AsyncSession, project_id: UUID) -> dict[UUID, Chapter]:
    """Every chapter of a project the caller may see, by its entry."""
    rows = await session.scalars(select(Chapter).where(Chapter.project_id == project_id))
    return {chapter.entry_id: chapter for chapter in rows}


async def save_chapter(
    session: AsyncSession, entry: Entry, source: str, outcome: Written | BaukastenError
) -> Chapter:
    """Keep a chapter, or that it failed and why, in place of what the entry had.

    Raises `NotFound` when the entry was deleted meanwhile.
    """
    found = await session.execute(
        select(Entry.user_id, Entry.private)
        .where(Entry.id == entry.id)
        .with_for_update(key_share=True)
    )
    owner = found.one_or_none()
    if owner is None:
        raise NotFound("Entry not found")
    values = {
        "project_id": entry.project_id,
        "user_id": owner.user_id,
        "private": owner.private,
        "source": source,
        **(_ready(outcome) if isinstance(outcome, Written) else _failed(outcome)),
    }
    statement = insert(Chapter).values(tenant_id=entry.tenant_id, entry_id=entry.id, **values)
    statement = statement.on_conflict_do_update(
        index_elements=["tenant_id", "entry_id"],
        set_={**values, "updated_at": statement.excluded.updated_at},
    )
    chapter: Chapter | None = await session.scalar(
        statement.returning(Chapter).execution_options(populate_existing=True)
    )
    assert chapter is not None
    return chapter


def _ready(written: Written) -> dict[str, object]:
    return {
        "status": "ready",
        "title": written.title,
        "text": written.text,
        "method": written.method,
        "unverified": list(written.unverified),
        "meta": dict(written.meta),
        "error": None,
    }


def _failed(error: BaukastenError) -> dict[str, object]:
    return {
        "status": "failed",
        "title": "",
        "text": "",
        "method": None,
        "unverified": [],
        "meta": {},
        "error": error.detail,
    }


async def get_book(session: AsyncSession, book_id: UUID) -> Book:
    """Raises `NotFound` for a book that is not there or not the caller's to see."""
    book = await session.get(Book, book_id)
    if book is None:
        raise NotFound("Book not found")
    return book


async def list_books(
    session: AsyncSession, project_id: UUID, *, limit: int, after: Cursor | None = None
) -> Sequence[Book]:
    """Newest first."""
    query = select(Book).where(Book.project_id == project_id)
    if after is not None:
        query = query.where(tuple_(Book.created_at, Book.id) < (after.time, after.id))
    query = query.order_by(Book.created_at.desc(), Book.id.desc()).limit(limit)
    return (await session.scalars(query)).all()
