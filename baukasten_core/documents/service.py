"""Documents: put in, listed, read and deleted. Row-level security decides what is seen."""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import delete, or_, select, text, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import undefer
from sqlalchemy.orm.attributes import set_committed_value

from baukasten_core.contracts.auth import Principal
from baukasten_core.contracts.storage import BlobStore, VectorStore
from baukasten_core.db.paging import Cursor
from baukasten_core.db.session import Database
from baukasten_core.documents.access import Guard, require_project, within_project
from baukasten_core.documents.extract import Extractor, FileInfo, from_text
from baukasten_core.documents.fetch import Fetched, Fetcher
from baukasten_core.documents.fields import checked_metadata, shown
from baukasten_core.documents.files import digest_of, file_key, pieces_of, text_pieces
from baukasten_core.documents.ingest import INGEST, Ingestor
from baukasten_core.documents.models import SHORT, Document
from baukasten_core.documents.outside import Outside
from baukasten_core.documents.text import Extracted
from baukasten_core.errors import (
    BaukastenError,
    Conflict,
    Forbidden,
    NotFound,
    ProviderError,
    ResidencyViolation,
)
from baukasten_core.jobs import Handler, Jobs

DELETED_AT_ONCE = 200
UNFINISHED = "Its upload was not finished. Put it in again."


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that came in, whole and on disk."""

    path: Path
    filename: str
    size: int
    sha256: bytes


@dataclass(frozen=True, slots=True)
class NewText:
    """A text that shall become a document."""

    content: str
    title: str | None = None
    metadata: Mapping[str, Any] | None = None


class Documents:
    """The documents of tenants: everything a route or a command does with them.

    Each call that puts something in has transactions of its own, so that no connection is held
    while a file is looked at or an address is fetched.
    """

    def __init__(
        self,
        database: Database,
        blobs: BlobStore,
        vectors: VectorStore,
        jobs: Jobs,
        extractor: Extractor,
        fetcher: Fetcher | None,
        ingestor: Ingestor,
        *,
        blob_guard: Guard | None = None,
    ) -> None:
        """`blob_guard` refuses what may not lie where the blob store is."""
        self._database = database
        self._blobs = blobs
        self._jobs = jobs
        self.outside = Outside(database, blobs, vectors, jobs)
        self._extractor = extractor
        self._fetcher = fetcher
        self._ingestor = ingestor
        self._blob_guard = blob_guard

    def handlers(self) -> Mapping[str, Handler]:
        """The background work of this room."""
        ingest = Handler(self._ingestor.run, self._ingestor.failed)
        return {INGEST: ingest, **self.outside.handlers()}

    # --- putting in -----------------------------------------------------------------------------

    async def add_text(
        self,
        principal: Principal,
        content: str,
        *,
        title: str | None = None,
        project_id: UUID | None = None,
        metadata: Mapping[str, Any] | None = None,
        private: bool = False,
    ) -> Document:
        """A document from text.

        Raises:
            Unprocessable: nothing but white space, or too long.
            NotFound: the project is not there.
            Conflict: the project has this content already; the error names the document.
        """
        new = NewText(content, title, metadata)
        document = await self._from_text(principal, new, project_id, private=private)
        return await self._insert(principal, document)

    async def add_texts(
        self,
        principal: Principal,
        texts: Sequence[NewText],
        *,
        project_id: UUID | None = None,
        private: bool = False,
    ) -> list[UUID | BaukastenError]:
        """Documents from many texts: for each, in order, the document's id or what `add_text`
        would raise. One that is refused keeps no other out. All are written in one transaction,
        private ones each in its own.

        Raises `NotFound` when the project is not there.
        """
        made: list[Document | BaukastenError] = []
        for new in texts:
            try:
                made.append(await self._from_text(principal, new, project_id, private=private))
            except BaukastenError as error:
                made.append(error)
        there = await self._insert_new(principal, project_id, made)
        answer: list[UUID | BaukastenError] = []
        for one in made:
            if isinstance(one, BaukastenError):
                answer.append(one)
            elif one.id in there:
                answer.append(one.id)
            else:
                answer.append(await self._alone(principal, one))
        return answer

    async def _alone(self, principal: Principal, document: Document) -> UUID | BaukastenError:
        """One that did not get in with the others: where its content is there, this says so."""
        try:
            return (await self._insert(principal, document)).id
        except BaukastenError as error:
            return error

    async def _from_text(
        self, principal: Principal, new: NewText, project_id: UUID | None, *, private: bool
    ) -> Document:
        limits = self._extractor.limits
        extracted = await asyncio.to_thread(from_text, new.content, limits, title=new.title)
        raw = extracted.text.encode()
        document = _new(principal, project_id, private, type="text", metadata=new.metadata)
        document.media_type, document.size = "text/plain", len(raw)
        document.sha256 = hashlib.sha256(raw).digest()
        await self._set_text(document, extracted)
        document.title = shown(new.title)
        return document

    async def _insert_new(
        self,
        principal: Principal,
        project_id: UUID | None,
        made: Sequence[Document | BaukastenError],
    ) -> frozenset[UUID]:
        """The rows of those whose content is not there yet, with their jobs; answers which."""
        rows = [_written(document) for document in made if isinstance(document, Document)]
        async with self._database.transaction(principal.scope) as session:
            await require_project(session, within_project(principal, project_id))
            if not rows or rows[0]["private"]:  # what others see is no reason for the index
                return frozenset()
            statement = insert(Document).on_conflict_do_nothing().returning(Document.id)
            ids = (await session.scalars(statement, rows)).all()
            jobs = [{"document_id": document_id} for document_id in ids]
            await self._jobs.enqueue_many(session, principal, INGEST, jobs)
        return frozenset(ids)

    async def add_file(
        self,
        principal: Principal,
        upload: Upload,
        *,
        project_id: UUID | None = None,
        metadata: Mapping[str, Any] | None = None,
        private: bool = False,
    ) -> Document:
        """A document from an uploaded file, after a quick look at it.

        Raises what `add_text` and `Extractor.inspect` raise.
        """
        document = _new(principal, project_id, private, type="file", metadata=metadata)
        document.sha256, document.size = upload.sha256, upload.size
        document.filename = shown(upload.filename)
        await self._check(principal, document)
        info = await self._extractor.inspect(upload.path, filename=upload.filename)
        document.type, document.media_type = info.type, info.media_type
        document.title = shown(info.title)
        return await self._insert(principal, document, upload.path)

    async def add_url(
        self,
        principal: Principal,
        url: str,
        *,
        project_id: UUID | None = None,
        metadata: Mapping[str, Any] | None = None,
        private: bool = False,
    ) -> Document:
        """A document from a public web address, fetched now.

        Raises what `add_text`, `Fetcher.fetch` and `Extractor.extract` raise, and
        `ResidencyViolation` where the operator has switched fetching off.
        """
        if self._fetcher is None:
            raise ResidencyViolation(
                "Web addresses are not fetched here.",
                hint="The operator can allow it with the setting `documents.fetch_urls`.",
            )
        document = _new(principal, project_id, private, type="url", metadata=metadata)
        async with self._database.transaction(principal.scope) as session:
            await require_project(session, document.project_id)
        with tempfile.TemporaryDirectory(prefix="baukasten-") as folder:
            fetched = await self._fetcher.fetch(url, Path(folder) / "page")
            document.url, document.size = fetched.url, fetched.size
            document.filename = shown(fetched.filename)
            document.sha256 = await asyncio.to_thread(digest_of, fetched.path)
            await self._read_page(document, fetched)
            return await self._insert(principal, document, fetched.path)

    async def _read_page(self, document: Document, fetched: Fetched) -> None:
        """A page's text now, so that one without any is refused; a file's later, like an
        upload's."""
        name = fetched.filename or "page"
        info: FileInfo = await self._extractor.inspect(fetched.path, filename=name)
        document.media_type, document.title = info.media_type, shown(info.title)
        if info.type in ("html", "text", "markdown"):
            await self._set_text(document, await self._extractor.extract_fetched(fetched))

    async def _set_text(self, document: Document, extracted: Extracted) -> None:
        for column, value in (await self._ingestor.text_values(extracted)).items():
            setattr(document, column, shown(value) if column == "title" else value)

    async def _check(self, principal: Principal, document: Document) -> None:
        async with self._database.transaction(principal.scope) as session:
            await _check(session, document)

    async def _insert(
        self, principal: Principal, document: Document, path: Path | None = None
    ) -> Document:
        """The row with its job, and before the job its file."""
        try:
            if path is None:
                async with self._database.transaction(principal.scope) as session:
                    if document.private:  # what others see, too, is no reason for the index
                        await _check(session, document)
                    session.add(document)
                    await session.flush()
                    await self._enqueue(session, principal, document)
                _computed(document)
            else:
                await self._check(principal, document)
                await self._insert_file(principal, document, path)
        except IntegrityError:
            await self._check(principal, document)  # names what came first, or is gone
            raise
        return document

    async def _insert_file(self, principal: Principal, document: Document, path: Path) -> None:
        """The row, then the file, then the row's new state and its job: a file without a row would
        be found by nobody. Until then, and should this process die, the document has failed, so
        that nothing is in the way of putting it in again."""
        if self._blob_guard is not None:
            await self._blob_guard(principal.scope, document.project_id)
        document.stored, document.status, document.error = True, "failed", UNFINISHED
        async with self._database.transaction(principal.scope) as session:
            session.add(document)
        whose = document.tenant_id, document.project_id, document.id
        try:
            await self._blobs.put(file_key(*whose), pieces_of(path))
            async with self._database.transaction(principal.scope) as session:
                await _set_queued(session, document.id)
                await self._enqueue(session, principal, document)
                session.add(document)
                await session.refresh(document)
        except BaseException:
            await self._withdraw(principal, *whose)
            raise

    async def _enqueue(
        self, session: AsyncSession, principal: Principal, document: Document
    ) -> None:
        await self._jobs.enqueue(session, principal, INGEST, document_id=document.id)

    async def _withdraw(
        self, principal: Principal, tenant_id: UUID, project_id: UUID | None, document_id: UUID
    ) -> None:
        """Take back what could not be finished. Where that fails too, its row says so."""
        with suppress(BaukastenError, SQLAlchemyError):
            try:
                await self.delete(principal, document_id)
            except NotFound:  # deleted meanwhile, when there was no file to delete yet
                await self.outside.erase(tenant_id, project_id, document_id)

    async def reindex(self, principal: Principal, project_id: UUID | None = None) -> int:
        """Index ready documents anew, of a project or the whole tenant: after the embedder, or
        what a text transform does, was changed. Answers how many; each is found again as soon
        as its job is done.
        """
        project_id = within_project(principal, project_id)
        async with self._database.transaction(principal.scope) as session:
            await require_project(session, project_id)
            query = update(Document).where(
                Document.tenant_id == principal.tenant_id, Document.status == "ready"
            )
            if project_id is not None:
                query = query.where(Document.project_id == project_id)
            query = query.values(status="queued", chunk_total=None).returning(Document.id)
            ids = (await session.scalars(query)).all()
            for document_id in ids:
                await self._jobs.enqueue(session, principal, INGEST, document_id=document_id)
        return len(ids)

    # --- reading --------------------------------------------------------------------------------

    async def get(self, session: AsyncSession, principal: Principal, document_id: UUID) -> Document:
        """With its content. Raises `NotFound` for one that the caller may not see."""
        document = await session.get(Document, document_id, options=[undefer(Document.content)])
        bound = principal.project_id
        if document is None or (bound is not None and document.project_id != bound):
            raise NotFound("Document not found")
        return document

    async def list(
        self,
        session: AsyncSession,
        principal: Principal,
        *,
        project_id: UUID | None = None,
        named: str | None = None,
        status: str | None = None,
        limit: int,
        after: Cursor | None = None,
    ) -> Sequence[Document]:
        """Newest first; `named`: a part of its title, file name or address. Raises `NotFound` for
        a project that the caller may not see."""
        project_id = within_project(principal, project_id)
        await require_project(session, project_id)
        query = select(Document).where(Document.tenant_id == principal.tenant_id)
        if project_id is not None:
            query = query.where(Document.project_id == project_id)
        if status is not None:
            query = query.where(Document.status == status)
        if named:
            names = (Document.title, Document.filename, Document.url)
            query = query.where(or_(*(name.icontains(named, autoescape=True) for name in names)))
        if after is not None:
            query = query.where(tuple_(Document.created_at, Document.id) < (after.time, after.id))
        query = query.order_by(Document.created_at.desc(), Document.id.desc()).limit(limit)
        return (await session.scalars(query)).all()

    def file(self, document: Document) -> AsyncIterator[bytes]:
        """The original, in pieces; the text itself for a document that was text."""
        if not document.stored:
            return text_pieces(document.content or "")
        return self._blobs.open(file_key(document.tenant_id, document.project_id, document.id))

    # --- deleting -------------------------------------------------------------------------------

    async def delete(self, principal: Principal, document_id: UUID) -> None:
        """The row, chunks, postings, vectors, queued jobs, and the file.

        Raises:
            NotFound: the caller may not see it.
            Forbidden: it is another member's, and the caller does not run the tenant.
        """
        async with self._database.transaction(principal.scope) as session:
            document = await self.get(session, principal, document_id)
            if document.user_id != principal.user_id and principal.role == "member":
                raise Forbidden("Only who put it in or an admin of the tenant can delete it.")
            await session.delete(document)
            await self._jobs.forget(session, document.tenant_id, document_id=document_id)
            whose = document.project_id, document_id
            outside = document.stored or self.outside.has_vectors
            if outside:
                await self.outside.erase_later(session, principal.scope, *whose)
        if outside:
            # Now, if the stores answer; else the job does it as soon as they do.
            with suppress(ProviderError):
                await self.outside.erase(principal.tenant_id, *whose)

    async def clear(self, principal: Principal, project_id: UUID) -> int:
        """Delete all documents of a project that the caller may delete; answers how many.

        Raises `NotFound` for a project that the caller may not see.
        """
        inside = within_project(principal, project_id)
        deleted = 0
        while some := await self._delete_some(principal, inside):
            deleted += some
        return deleted

    async def _delete_some(self, principal: Principal, project_id: UUID | None) -> int:
        """As many as one short transaction takes; files and foreign vectors go by a job."""
        async with self._database.transaction(principal.scope) as session:
            await require_project(session, project_id)
            wanted = select(Document.id).where(Document.project_id == project_id)
            if principal.role == "member":
                wanted = wanted.where(Document.user_id == principal.user_id)
            gone = delete(Document).where(Document.id.in_(wanted.limit(DELETED_AT_ONCE)))
            rows = (await session.execute(gone.returning(Document.id, Document.stored))).all()
            for document_id, stored in rows:
                await self._jobs.forget(session, principal.tenant_id, document_id=document_id)
                if stored or self.outside.has_vectors:
                    whose = project_id, document_id
                    await self.outside.erase_later(session, principal.scope, *whose)
        return len(rows)


def _new(
    principal: Principal,
    project_id: UUID | None,
    private: bool,
    *,
    type: str,
    metadata: Mapping[str, Any] | None,
) -> Document:
    return Document(
        id=uuid4(),
        tenant_id=principal.tenant_id,
        user_id=principal.user_id,
        project_id=within_project(principal, project_id),
        private=private,
        type=type,
        doc_metadata=checked_metadata(metadata or {}),
        stored=False,
    )


def _written(document: Document) -> dict[str, Any]:
    """What was set of a row that is not stored yet."""
    return {name: value for name, value in vars(document).items() if not name.startswith("_")}


async def _set_queued(session: AsyncSession, document_id: UUID) -> None:
    """Raises `NotFound` when it, or all that it was in, was deleted while its file was stored, and
    `IntegrityError` when the same content came first."""
    statement = update(Document).where(Document.id == document_id)
    result = await session.execute(statement.values(status="queued", error=None))
    if not result.rowcount:  # type: ignore[attr-defined]
        raise NotFound("The document was deleted while it was put in.")


def _computed(document: Document) -> None:
    """What the database computes of a row, for one that was just written: asking costs a call."""
    content = document.content or ""
    set_committed_value(document, "page_count", len(document.pages))
    set_committed_value(document, "short_content", content if len(content) <= SHORT else None)


SAME = text(
    "SELECT id, coalesce(nullif(filename, ''), nullif(title, ''), 'a document') AS name"
    " FROM core.documents WHERE tenant_id = :tenant"
    " AND project_id IS NOT DISTINCT FROM CAST(:project AS uuid)"
    " AND sha256 = :sha256 AND status <> 'failed' AND (NOT private OR :private) LIMIT 1"
)


async def _check(session: AsyncSession, document: Document) -> None:
    """Raises `NotFound` for a project that is not there, `Conflict` for content that is."""
    await require_project(session, document.project_id)
    values = {
        "tenant": document.tenant_id,
        "project": document.project_id,
        "sha256": document.sha256,
        "private": document.private,
    }
    row = (await session.execute(SAME, values)).one_or_none()
    if row is not None:
        where = "This project" if document.project_id else "Your collection"
        raise Conflict(
            f"{where} already has this content: `{row.name}` ({row.id}).", document_id=str(row.id)
        )
