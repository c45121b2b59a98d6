"""Documents are deleted: the rows now, what they have outside of PostgreSQL now or by a job."""

from __future__ import annotations

from contextlib import suppress
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.exc import SQLAlchemyError

from baukasten_core.contracts.auth import Principal
from baukasten_core.db.session import Database
from baukasten_core.documents.access import require_project, visible_document, within_project
from baukasten_core.documents.models import Document
from baukasten_core.documents.outside import Outside
from baukasten_core.errors import BaukastenError, Forbidden, NotFound, ProviderError
from baukasten_core.jobs import Jobs

DELETED_AT_ONCE = 200


class Removal:
    """One document, or all of a project's that the caller may delete."""

    def __init__(self, database: Database, jobs: Jobs, outside: Outside) -> None:
        self._database = database
        self._jobs = jobs
        self._outside = outside

    async def delete(self, principal: Principal, document_id: UUID) -> None:
        """See `Documents.delete`."""
        async with self._database.transaction(principal.scope) as session:
            document = await visible_document(session, principal, document_id)
            if document.user_id != principal.user_id and principal.role == "member":
                raise Forbidden("Only who put it in or an admin of the tenant can delete it.")
            await session.delete(document)
            await self._jobs.forget(session, document.tenant_id, document_id=document_id)
            whose = document.project_id, document_id
            outside = document.stored or self._outside.has_vectors
            if outside:
                await self._outside.erase_later(session, principal.scope, *whose)
        if outside:
            # Now, if the stores answer; else the job does it as soon as they do.
            with suppress(ProviderError):
                await self._outside.erase(principal.tenant_id, *whose)

    async def withdraw(
        self, principal: Principal, project_id: UUID | None, document_id: UUID
    ) -> None:
        """Take back what could not be put in. Where that fails too, its row says so."""
        with suppress(BaukastenError, SQLAlchemyError):
            try:
                await self.delete(principal, document_id)
            except NotFound:  # deleted meanwhile, when there was no file to delete yet
                await self._outside.erase(principal.tenant_id, project_id, document_id)

    async def clear(self, principal: Principal, project_id: UUID) -> int:
        """See `Documents.clear`."""
        inside = within_project(principal, project_id)
        deleted = 0
        while some := await self._some(principal, inside):
            deleted += some
        return deleted

    async def _some(self, principal: Principal, project_id: UUID | None) -> int:
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
                if stored or self._outside.has_vectors:
                    whose = project_id, document_id
                    await self._outside.erase_later(session, principal.scope, *whose)
        return len(rows)
