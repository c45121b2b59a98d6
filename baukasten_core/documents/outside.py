"""What documents, projects and tenants have outside of PostgreSQL: files, and vectors where another
store keeps them.

Rows go first, in a transaction that also queues a job which erases the rest: it goes if and only if
the rows do, and no connection waits for a store.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from baukasten_core.contracts.auth import Scope
from baukasten_core.contracts.storage import BlobStore, VectorStore
from baukasten_core.db.session import Database
from baukasten_core.documents.files import file_prefix
from baukasten_core.jobs import Handler, Jobs

ERASE = "documents.erase"

ONCE_MORE = timedelta(hours=1)
"""Longer than anything is on its way into a store."""


class Outside:
    """Erases it. A document is named by its id and its project's, a project by its id; where
    neither is given, all of the tenant is meant."""

    def __init__(
        self, database: Database, blobs: BlobStore, vectors: VectorStore, jobs: Jobs
    ) -> None:
        self._database = database
        self._blobs = blobs
        self._vectors = vectors
        self._jobs = jobs

    def handlers(self) -> Mapping[str, Handler]:
        """The background work of this room."""

        async def run(
            scope: Scope, project_id: UUID | None = None, document_id: UUID | None = None
        ) -> None:
            assert scope.tenant_id is not None
            await self.erase(scope.tenant_id, project_id, document_id)

        return {ERASE: Handler(run, retries=20)}

    @property
    def has_vectors(self) -> bool:
        """Whether vectors are outside, too."""
        return not self._vectors.in_database

    async def erase(
        self, tenant_id: UUID, project_id: UUID | None = None, document_id: UUID | None = None
    ) -> int:
        """Erase it now; answers how many files there were. Idempotent.

        Raises what the stores raise, `ProviderUnavailable` as a rule.
        """
        files = await self._blobs.delete(file_prefix(tenant_id, project_id, document_id))
        if self.has_vectors:
            async with self._database.transaction(Scope(tenant_id=tenant_id)) as session:
                if document_id is not None:
                    await self._vectors.remove(session, tenant_id, [document_id])
                else:
                    await self._vectors.remove(session, tenant_id, project_id=project_id)
        return files

    async def erase_later(
        self,
        session: AsyncSession,
        owner: Scope,
        project_id: UUID | None = None,
        document_id: UUID | None = None,
        *,
        delay: timedelta | None = None,
    ) -> None:
        """Have it erased by a job once this transaction has committed. A job whose owner is a
        tenant and no user stays when the user goes who deleted the rows."""
        named = {"project_id": project_id, "document_id": document_id}
        ids: dict[str, Any] = {name: value for name, value in named.items() if value is not None}
        await self._jobs.enqueue(session, owner, ERASE, delay=delay, **ids)

    async def erase_late_comers(
        self,
        session: AsyncSession,
        tenant_id: UUID,
        project_id: UUID | None = None,
        document_id: UUID | None = None,
    ) -> None:
        """Have it erased once more, when all that was on its way has arrived or failed: a process
        that was killed right after it stored something takes nothing back."""
        owner = Scope(tenant_id=tenant_id)
        await self.erase_later(session, owner, project_id, document_id, delay=ONCE_MORE)
