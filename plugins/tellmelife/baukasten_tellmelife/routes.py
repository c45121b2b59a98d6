"""`/tellmelife`: entries, chapters, books."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Any
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Header, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from sqlalchemy.ext.asyncio import AsyncSession

from baukasten_core.api import (
    BaukastenError,
    Caller,
    Conflict,
    CurrentKit,
    Forbidden,
    Kit,
    NotFound,
    PageCursor,
    PageLimit,
    Principal,
    Project,
    Session,
    Unprocessable,
    get_project,
    paged,
    problem_responses,
    render_docx,
)
from baukasten_tellmelife import store
from baukasten_tellmelife.chapters import Wish, fingerprint, write_chapter
from baukasten_tellmelife.models import NAME, Book, Chapter, Entry
from baukasten_tellmelife.pages import manuscript
from baukasten_tellmelife.schemas import (
    BookIn,
    BookOut,
    ChapterIn,
    ChapterOut,
    EntryChange,
    EntryIn,
    EntryOut,
)
from baukasten_tellmelife.showcase import BOOK_JOB, LifeConfig
from baukasten_tellmelife.texts import MESSAGES

PDF = "application/pdf"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
BINARY = {"type": "string", "format": "binary"}

router = APIRouter()


async def life(session: AsyncSession, project_id: UUID) -> Project:
    """The project, if it is one of this showcase."""
    project = await get_project(session, project_id)
    if project.type != NAME:
        raise NotFound("Project not found", hint=f"It is no `{NAME}` project.")
    return project


def may_change(principal: Principal, row: Entry | Book) -> None:
    """In a shared tenant, everybody reads; what somebody made, they or its owners and admins
    change."""
    if row.user_id != principal.user_id and principal.role == "member":
        raise Forbidden("Only whoever made it, or an owner or admin, can change or delete it.")


# --- entries ------------------------------------------------------------------------------


@router.post("/projects/{project_id}/entries", status_code=201, response_model=EntryOut)
async def add_entry(project_id: UUID, body: EntryIn, kit: CurrentKit) -> Entry:
    language = body.language or await kit.detect_language(body.text)
    async with kit.transaction() as session:
        project = await life(session, project_id)
        entry = Entry(
            tenant_id=project.tenant_id,
            user_id=kit.principal.user_id,
            project_id=project.id,
            **body.model_dump(exclude={"language"}),
            language=language or LifeConfig(**project.config).language or kit.language,
        )
        session.add(entry)
        await session.flush()
    return entry


@router.get(
    "/projects/{project_id}/entries",
    response_model=list[EntryOut],
    responses=problem_responses(400),
)
async def list_entries(
    request: Request,
    response: Response,
    project_id: UUID,
    session: Session,
    limit: PageLimit = 50,
    after: PageCursor = None,
) -> Sequence[Entry]:
    """In order of date, the earliest first."""
    await life(session, project_id)
    rows = await store.list_entries(session, project_id, limit=limit + 1, after=after)
    return paged(request, response, rows, limit, key="moment")


@router.get("/entries/{entry_id}", response_model=EntryOut)
async def get_entry(entry_id: UUID, session: Session) -> Entry:
    return await store.get_entry(session, entry_id)


@router.patch("/entries/{entry_id}", response_model=EntryOut)
async def change_entry(
    entry_id: UUID, body: EntryChange, caller: Caller, session: Session
) -> Entry:
    entry = await store.get_entry(session, entry_id)
    changes = body.model_dump(exclude_unset=True)
    may_change(caller, entry)
    if "private" in changes and entry.user_id != caller.user_id:
        raise Forbidden("Only its author can change who sees an entry.")
    for field, value in changes.items():
        if value is not None or field == "title":
            setattr(entry, field, value)
    await session.flush()
    await session.refresh(entry)
    return entry


@router.delete("/entries/{entry_id}", status_code=204)
async def delete_entry(entry_id: UUID, caller: Caller, session: Session) -> None:
    """Its chapter goes with it."""
    entry = await store.get_entry(session, entry_id)
    may_change(caller, entry)
    await session.delete(entry)


# --- chapters -----------------------------------------------------------------------------


@router.post(
    "/entries/{entry_id}/chapter",
    response_model=ChapterOut,
    responses=problem_responses(400, 502),
)
async def make_chapter(
    entry_id: UUID, kit: CurrentKit, body: ChapterIn | None = None
) -> ChapterOut:
    """Write the chapter of an entry, in place of the one it has. One that fails is kept as
    failed, unless there is a good one that still fits the entry."""
    body = body or ChapterIn()
    entry, config, chapter = await _entry(kit, entry_id)
    source = fingerprint(entry, config)
    try:
        written = await write_chapter(kit, entry, _wish(body, config))
    except BaukastenError as error:
        good = chapter and chapter.status == "ready" and chapter.source == source
        if not good:
            async with kit.transaction() as session:
                await store.save_chapter(session, entry, source, error)
        raise
    async with kit.transaction() as session:
        chapter = await store.save_chapter(session, entry, source, written)
    return ChapterOut.of(chapter, entry, config)


def _wish(body: ChapterIn, config: LifeConfig) -> Wish:
    """A model that is named is used or it fails, whatever the project says."""
    named = bool(body.provider or body.model)
    ask = named or config.use_llm
    return Wish(config, body.provider, body.model or "", strict=named, ask=ask)


@router.get("/entries/{entry_id}/chapter", response_model=ChapterOut)
async def get_chapter(entry_id: UUID, kit: CurrentKit) -> ChapterOut:
    entry, config, chapter = await _entry(kit, entry_id)
    if chapter is None:
        raise NotFound("Chapter not found", hint="POST to the same address writes it.")
    return ChapterOut.of(chapter, entry, config)


async def _entry(kit: Kit, entry_id: UUID) -> tuple[Entry, LifeConfig, Chapter | None]:
    async with kit.transaction() as session:
        entry = await store.get_entry(session, entry_id)
        project = await life(session, entry.project_id)
        return entry, LifeConfig(**project.config), await store.get_chapter(session, entry.id)


# --- books --------------------------------------------------------------------------------


@router.post("/projects/{project_id}/book", status_code=202, response_model=BookOut)
async def start_book(
    response: Response, project_id: UUID, kit: CurrentKit, body: BookIn | None = None
) -> BookOut:
    """Start making a book; `GET /tellmelife/books/{id}` tells how far it is."""
    body = body or BookIn()
    async with kit.transaction() as session:
        project = await life(session, project_id)
        entries = await store.entries_between(session, project_id, body.since, body.until)
        if not entries:
            raise Unprocessable(MESSAGES.translate(kit.language, "error.entries"))
        book = _book(kit, project, entries, body)
        session.add(book)
        await session.flush()
        await kit.enqueue(session, BOOK_JOB, book_id=book.id)
    response.headers["Location"] = f"/{NAME}/books/{book.id}"
    return BookOut.of(book)


def _book(kit: Kit, project: Project, entries: Sequence[Entry], body: BookIn) -> Book:
    config = LifeConfig(**project.config)
    most_used = Counter(entry.language for entry in entries).most_common(1)[0][0]
    return Book(
        tenant_id=project.tenant_id,
        user_id=kit.principal.user_id,
        project_id=project.id,
        title=body.title or project.name,
        subtitle=config.subtitle if body.subtitle is None else body.subtitle,
        author=config.author if body.author is None else body.author,
        dedication=config.dedication if body.dedication is None else body.dedication,
        language=body.language or config.language or most_used,
        since=body.since,
        until=body.until,
        total=len(entries),
        private=any(entry.private for entry in entries),
    )


@router.get(
    "/projects/{project_id}/books",
    response_model=list[BookOut],
    responses=problem_responses(400),
)
async def list_books(
    request: Request,
    response: Response,
    project_id: UUID,
    session: Session,
    limit: PageLimit = 50,
    after: PageCursor = None,
) -> list[BookOut]:
    """Newest first."""
    await life(session, project_id)
    rows = await store.list_books(session, project_id, limit=limit + 1, after=after)
    return [BookOut.of(book) for book in paged(request, response, rows, limit)]


AS_PDF: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The book as JSON, or as PDF where that is asked for.",
        "content": {PDF: {"schema": BINARY}},
    }
}


@router.get(
    "/books/{book_id}",
    response_model=BookOut,
    responses={**AS_PDF, **problem_responses(409)},
)
async def get_book(
    book_id: UUID,
    kit: CurrentKit,
    accept: Annotated[str, Header(description="`application/pdf` for the book itself.")] = "*/*",
) -> Response:
    """How far the book is; with `Accept: application/pdf` the book itself."""
    async with kit.transaction() as session:
        book = await store.get_book(session, book_id)
    if PDF in accept:
        return await _file(kit, book)
    return JSONResponse(BookOut.of(book).model_dump(mode="json"))


@router.get(
    "/books/{book_id}/file",
    response_class=Response,
    responses={**AS_PDF, **problem_responses(409)},
)
async def get_book_file(book_id: UUID, kit: CurrentKit) -> Response:
    """The book as PDF."""
    async with kit.transaction() as session:
        book = await store.get_book(session, book_id)
    return await _file(kit, book)


@router.get(
    "/books/{book_id}/manuscript",
    response_class=Response,
    responses={200: {"description": "DOCX", "content": {DOCX: {"schema": BINARY}}}},
)
async def get_manuscript(book_id: UUID, kit: CurrentKit) -> Response:
    """The book's chapters, as they are now, as DOCX to go on working with."""
    async with kit.transaction() as session:
        book = await store.get_book(session, book_id)
        entries = await store.entries_between(session, book.project_id, book.since, book.until)
        there = await store.chapters_of(session, book.project_id)
    chapters = [(entry, there[entry.id]) for entry in entries if entry.id in there]
    content = await render_docx(
        manuscript(book, chapters), title=book.title, language=book.language, author=book.author
    )
    return Response(content, media_type=DOCX, headers=_headers(f"{book.title}.docx", "attachment"))


async def _file(kit: Kit, book: Book) -> Response:
    if book.status != "ready":
        hint = book.error or f"It is {book.status}: {book.done} of {book.total} chapters are done."
        raise Conflict("The book is not ready.", hint=hint)
    pieces = await kit.open_file(book.project_id, book.id)
    headers = {**_headers(f"{book.title}.pdf", "inline"), "Content-Length": str(book.size)}
    return StreamingResponse(pieces, media_type=PDF, headers=headers)


def _headers(name: str, disposition: str) -> dict[str, str]:
    """For a file of somebody's: its name in every spelling browsers know, and no cache."""
    plain = "".join(c if c.isascii() and (c.isalnum() or c in " ._-") else "_" for c in name)
    return {
        "Content-Disposition": f'{disposition}; filename="{plain}"; '
        f"filename*=UTF-8''{quote(name, '')}",
        "Cache-Control": "private, no-store",
        "X-Content-Type-Options": "nosniff",
    }


@router.delete("/books/{book_id}", status_code=204)
async def delete_book(book_id: UUID, kit: CurrentKit) -> None:
    """The book and its file; entries and chapters stay."""
    async with kit.transaction() as session:
        book = await store.get_book(session, book_id)
        may_change(kit.principal, book)
        await session.delete(book)
    await kit.delete_file(book.project_id, book.id)
