"""Documents: put in, listed, read and deleted. Row-level security decides what is seen."""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import or_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from baukasten_core.contracts.auth import Principal
from baukasten_core.contracts.storage import BlobStore, VectorStore
from baukasten_core.db.paging import Cursor
from baukasten_core.db.session import Database
from baukasten_core.documents.access import Guard, require_project, visible_document, within_project
from baukasten_core.documents.extract import Extractor, FileInfo, from_text
from baukasten_core.documents.fetch import Fetched, Fetcher
from baukasten_core.documents.fields import checked_metadata, shown
from baukasten_core.documents.files import digest_of, file_key, text_pieces
from baukasten_core.documents.ingest import INGEST, Ingestor
from baukasten_core.documents.insertion import Insertion
from baukasten_core.documents.models import Document
from baukasten_core.documents.outside import Outside
from baukasten_core.documents.removal import Removal
from baukasten_core.documents.text import Extracted
from baukasten_core.errors import BaukastenError, ResidencyViolation
from baukasten_core.jobs import Handler, Jobs


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
        self._removal = Removal(database, jobs, self.outside)
        self._insertion = Insertion(database, blobs, jobs, self._removal, blob_guard)
        self._extractor = extractor
        self._fetcher = fetcher
        self._ingestor = ingestor

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
        return await self._insertion.one(principal, document)

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
        documents = [one for one in made if isinstance(one, Document)]
        there = await self._insertion.many(principal, project_id, documents)
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
            return (await self._insertion.one(principal, document)).id
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
        await self._insertion.check(principal, document)
        info = await self._extractor.inspect(upload.path, filename=upload.filename)
        document.type, document.media_type = info.type, info.media_type
        document.title = shown(info.title)
        return await self._insertion.one(principal, document, upload.path)

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
            return await self._insertion.one(principal, document, fetched.path)

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
            jobs = [{"document_id": document_id} for document_id in ids]
            await self._jobs.enqueue_many(session, principal, INGEST, jobs)
        return len(ids)

    # --- reading --------------------------------------------------------------------------------

    async def get(self, session: AsyncSession, principal: Principal, document_id: UUID) -> Document:
        """With its content. Raises `NotFound` for one that the caller may not see."""
        return await visible_document(session, principal, document_id)

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
        await self._removal.delete(principal, document_id)

    async def clear(self, principal: Principal, project_id: UUID) -> int:
        """Delete all documents of a project that the caller may delete; answers how many.

        Raises `NotFound` for a project that the caller may not see.
        """
        return await self._removal.clear(principal, project_id)


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
