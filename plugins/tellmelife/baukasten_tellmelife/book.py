"""The job that makes a book: a chapter for every entry, then the PDF."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import update

from baukasten_core.api import (
    BaukastenError,
    Kit,
    NotFound,
    RenderLimits,
    Unavailable,
    Unprocessable,
    render_pdf,
)
from baukasten_tellmelife import store
from baukasten_tellmelife.chapters import Wish, fingerprint, write_chapter
from baukasten_tellmelife.models import Book, Chapter, Entry
from baukasten_tellmelife.pages import book_data
from baukasten_tellmelife.showcase import LifeConfig
from baukasten_tellmelife.texts import FOLDER, MESSAGES

TEMPLATE = FOLDER / "templates" / "book.typ"
LIMITS = RenderLimits(seconds=240.0)


class Gone(Exception):
    """The book was deleted while it was made."""


async def make_book(kit: Kit, *, book_id: UUID) -> None:
    """Write what chapters are missing or out of date, and set the book.

    Run again after a crash it goes on where it was: finished chapters are kept.
    """
    try:
        await _make(kit, book_id)
    except Gone:
        return


async def fail_book(kit: Kit, error: Exception, *, book_id: UUID) -> None:
    """The job was given up: the book says why."""
    try:
        book = await _book(kit, book_id)
        if isinstance(error, BaukastenError):
            reason = error.detail
        else:
            reason = MESSAGES.translate(
                book.language, "error.unexpected", kind=type(error).__name__
            )
        await _change(kit, book_id, status="failed", error=reason)
    except Gone:
        return


async def _make(kit: Kit, book_id: UUID) -> None:
    book = await _book(kit, book_id)
    if book.status in {"ready", "failed"}:
        return
    config = LifeConfig(**(await kit.project(book.project_id)).config)
    async with kit.transaction() as session:
        entries = await store.entries_between(session, book.project_id, book.since, book.until)
    if not entries:
        raise Unprocessable(MESSAGES.translate(book.language, "error.entries"))
    await _change(kit, book_id, status="running", done=0, total=len(entries))
    chapters = await _chapters(kit, book, entries, config)
    failed = [chapter for _, chapter in chapters if chapter.status == "failed"]
    if len(failed) == len(chapters):
        reason = MESSAGES.translate(book.language, "error.all", reason=failed[0].error)
        raise Unprocessable(reason)
    await _set(kit, book, chapters)


async def _chapters(
    kit: Kit, book: Book, entries: Sequence[Entry], config: LifeConfig
) -> list[tuple[Entry, Chapter]]:
    """The chapter of each entry. One that fails is kept as failed; the others go on."""
    async with kit.transaction() as session:
        there = await store.chapters_of(session, book.project_id)
    found = []
    wish = await _wish(kit, book, config)
    for done, entry in enumerate(entries, 1):
        chapter: Chapter | None = there.get(entry.id)
        source = fingerprint(entry, config)
        if chapter is None or chapter.status == "failed" or chapter.source != source:
            chapter = await _write(kit, entry, wish, source)
            if wish.ask and chapter is not None and chapter.method == "extractive":
                wish = await _wish(kit, book, config)
        if chapter is not None:
            found.append((entry, chapter))
        await _change(kit, book.id, done=done)
    return found


async def _wish(kit: Kit, book: Book, config: LifeConfig) -> Wish:
    """One and the same model for the whole book, as long as it is there; nobody is asked when
    there is none."""
    if not config.use_llm:
        return Wish(config, ask=False)
    instance = await kit.llm_instance(book.project_id)
    return Wish(config, provider=instance, ask=instance is not None)


async def _write(kit: Kit, entry: Entry, wish: Wish, source: str) -> Chapter | None:
    """The new chapter; None when its entry was deleted meanwhile."""
    outcome: Any
    try:
        outcome = await write_chapter(kit, entry, wish)
    except Unavailable:
        raise  # the database or the like: the job comes back to it
    except BaukastenError as error:
        outcome = error
    try:
        async with kit.transaction() as session:
            return await store.save_chapter(session, entry, source, outcome)
    except NotFound:
        return None


async def _set(kit: Kit, book: Book, chapters: Sequence[tuple[Entry, Chapter]]) -> None:
    """The PDF, into the project's files. A first run may find characters no font can show; the
    book's last page names them."""
    data = book_data(book, chapters)
    pdf = await render_pdf(TEMPLATE, data, language=book.language, limits=LIMITS)
    if pdf.missing:
        data = book_data(book, chapters, missing=pdf.missing)
        pdf = await render_pdf(TEMPLATE, data, language=book.language, limits=LIMITS)
    size = await kit.put_file(book.project_id, book.id, pdf.content, filename=f"{book.title}.pdf")
    failed = [
        {
            "entry_id": str(entry.id),
            "date": entry.date.isoformat(),
            "title": entry.title,
            "reason": chapter.error,
        }
        for entry, chapter in chapters
        if chapter.status == "failed"
    ]
    try:
        await _change(
            kit,
            book.id,
            status="ready",
            failed=failed,
            missing=list(pdf.missing),
            pages=pdf.pages,
            size=size,
            error=None,
            private=any(entry.private for entry, _ in chapters),
        )
    except Gone:
        await kit.delete_file(book.project_id, book.id)
        raise


async def _book(kit: Kit, book_id: UUID) -> Book:
    async with kit.transaction() as session:
        book = await session.get(Book, book_id)
    if book is None:
        raise Gone
    return book


async def _change(kit: Kit, book_id: UUID, **values: Any) -> None:
    async with kit.transaction() as session:
        changed = await session.scalar(
            update(Book).where(Book.id == book_id).values(**values).returning(Book.id)
        )
    if changed is None:
        raise Gone
