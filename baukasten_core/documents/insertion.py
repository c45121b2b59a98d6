"""A new document is written, with the job that reads it; never the same content twice in a
project."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm.attributes import set_committed_value

from baukasten_core.contracts.auth import Principal
from baukasten_core.contracts.storage import BlobStore
from baukasten_core.db.session import Database
from baukasten_core.documents.access import Guard, require_project, within_project
from baukasten_core.documents.files import file_key, pieces_of
from baukasten_core.documents.ingest import INGEST
from baukasten_core.documents.models import SHORT, Document
from baukasten_core.documents.removal import Removal
from baukasten_core.errors import Conflict, NotFound
from baukasten_core.jobs import Jobs

UNFINISHED = "Its upload was not finished. Put it in again."

SAME = text(
    "SELECT id, coalesce(nullif(filename, ''), nullif(title, ''), 'a document') AS name"
    " FROM core.documents WHERE tenant_id = :tenant"
    " AND project_id IS NOT DISTINCT FROM CAST(:project AS uuid)"
    " AND sha256 = :sha256 AND status <> 'failed' AND (NOT private OR :private) LIMIT 1"
)


class Insertion:
    """Rows of documents that were made and looked at, but are not stored yet."""

    def __init__(
        self,
        database: Database,
        blobs: BlobStore,
        jobs: Jobs,
        removal: Removal,
        blob_guard: Guard | None,
    ) -> None:
        self._database = database
        self._blobs = blobs
        self._jobs = jobs
        self._removal = removal
        self._blob_guard = blob_guard

    async def check(self, principal: Principal, document: Document) -> None:
        """Raises `NotFound` for a project that is not there, `Conflict` for content that is."""
        async with self._database.transaction(principal.scope) as session:
            await _check(session, document)

    async def one(
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
                    await self._jobs.enqueue(session, principal, INGEST, document_id=document.id)
                _computed(document)
            else:
                await self.check(principal, document)
                await self._with_file(principal, document, path)
        except IntegrityError:
            await self.check(principal, document)  # names what came first, or is gone
            raise
        return document

    async def many(
        self, principal: Principal, project_id: UUID | None, documents: Sequence[Document]
    ) -> frozenset[UUID]:
        """The rows of those whose content is not there yet, with their jobs; answers which."""
        rows = [_written(document) for document in documents]
        async with self._database.transaction(principal.scope) as session:
            await require_project(session, within_project(principal, project_id))
            if not rows or rows[0]["private"]:  # what others see is no reason for the index
                return frozenset()
            statement = insert(Document).on_conflict_do_nothing().returning(Document.id)
            ids = (await session.scalars(statement, rows)).all()
            jobs = [{"document_id": document_id} for document_id in ids]
            await self._jobs.enqueue_many(session, principal, INGEST, jobs)
        return frozenset(ids)

    async def _with_file(self, principal: Principal, document: Document, path: Path) -> None:
        """The row, then the file, then the row's new state and its job: a file without a row would
        be found by nobody. Until then, and should this process die, the document has failed, so
        that nothing is in the way of putting it in again."""
        if self._blob_guard is not None:
            await self._blob_guard(principal.scope, document.project_id)
        document.stored, document.status, document.error = True, "failed", UNFINISHED
        async with self._database.transaction(principal.scope) as session:
            session.add(document)
        # Kept, as a row can't be read any more when its transaction has failed.
        whose = document.project_id, document.id
        try:
            await self._blobs.put(file_key(document.tenant_id, *whose), pieces_of(path))
            async with self._database.transaction(principal.scope) as session:
                await _set_queued(session, document.id)
                await self._jobs.enqueue(session, principal, INGEST, document_id=document.id)
                session.add(document)
                await session.refresh(document)
        except BaseException:
            await self._removal.withdraw(principal, *whose)
            raise


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
