"""Erasing a user: rows, vectors, postings, files, queued jobs, also of plugins that are gone.

The account is shut first, then files and foreign vectors go, then every row on the data map in
one transaction that counts before and after and fails if anything is left. What is interrupted
is taken up again by `resume`: until its last step, the database still knows everything.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import structlog
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from baukasten_core.contracts.auth import Scope
from baukasten_core.contracts.storage import BlobStore, VectorStore
from baukasten_core.db.session import Database
from baukasten_core.errors import (
    BadRequest,
    BaukastenError,
    Forbidden,
    NotFound,
    Unavailable,
)
from baukasten_core.logs import traceback_of
from baukasten_core.privacy.export import FileKey
from baukasten_core.privacy.receipts import Receipt, Receipts

log = structlog.get_logger("baukasten.privacy")

BEGIN = text("SELECT core.begin_erasure(:user)")
FILES = text("SELECT * FROM core.files_of(:user)")
TENANTS = text("SELECT core.tenants_that_go(:user)")
ERASE = text("SELECT core.erase_user(:user, :receipt, :files)")
INTERRUPTED = text("SELECT core.interrupted_erasures(CAST(:age AS interval))")
LONG = text("SET LOCAL statement_timeout = 0")

BATCH = 1000
ATTEMPTS = 3
DEADLOCK = "40P01"


@dataclass(frozen=True)
class Eraser:
    """Erases users.

    Args:
        file_key: where the original file of a document lies.
    """

    database: Database
    blobs: BlobStore
    vectors: VectorStore
    receipts: Receipts
    file_key: FileKey

    async def erase(self, user_id: UUID, actor: Scope) -> Receipt:
        """Erase an account and everything held about it; answers the receipt.

        In shared tenants, rows that the user made are erased; projects pass to the oldest owner,
        else admin, else member. A tenant nobody else is in goes.

        Args:
            actor: the user, or an admin; anybody else is refused by the database.

        Raises:
            BadRequest: the last admin can't go.
            NotFound: there is no such user.
            Forbidden: the actor is neither the user nor an admin.
            Unavailable: a store did not answer. The account is shut, and the rest follows by
                itself (`resume`).
        """
        async with self.database.transaction(actor) as session:
            _check(await session.scalar(BEGIN, {"user": user_id}))
        try:
            return await self._finish(user_id, actor)
        except NotFound:
            raise  # somebody else has just ended it
        except (BaukastenError, DBAPIError) as error:
            log.warning("erasure interrupted", **traceback_of(error))
            raise Unavailable(
                "The account is closed, but not everything could be erased yet.",
                hint="The rest is erased in the background as soon as its stores answer again.",
                retry_after=60,
            ) from error

    async def resume(self, *, older_than: str = "10 minutes") -> int:
        """Go on with erasures that were interrupted; answers how many were ended."""
        async with self.database.transaction() as session:
            waiting = (await session.scalars(INTERRUPTED, {"age": older_than})).all()
        done = 0
        for user_id in waiting:
            try:
                await self._finish(user_id, Scope(user_id=user_id))
                done += 1
            except Exception as error:
                # One that fails must not hold up the others; it is tried again next time.
                log.warning("erasure still waits", **traceback_of(error))
        return done

    async def _finish(self, user_id: UUID, actor: Scope) -> Receipt:
        async with self.database.transaction(actor) as session:
            documents = (await session.execute(FILES, {"user": user_id})).all()
            tenants = (await session.scalars(TENANTS, {"user": user_id})).all()
        await self._remove_vectors(user_id, documents)
        files = await self._delete_files(tenants, documents)
        return self.receipts.sign(await self._erase_rows(user_id, actor, files))

    async def _remove_vectors(self, user_id: UUID, documents: Sequence[Any]) -> None:
        """For a store outside of PostgreSQL; inside, they would go with their documents."""
        by_tenant: dict[UUID, list[UUID]] = defaultdict(list)
        for row in documents:
            by_tenant[row.tenant_id].append(row.document_id)
        for tenant_id, ids in by_tenant.items():
            for start in range(0, len(ids), BATCH):
                async with self.database.transaction(Scope(user_id, tenant_id)) as session:
                    await session.execute(LONG)
                    await self.vectors.remove(session, tenant_id, ids[start : start + BATCH])

    async def _delete_files(self, tenants: Sequence[UUID], documents: Sequence[Any]) -> int:
        """Before the rows: afterwards nobody would know what to delete."""
        prefixes = [f"{tenant_id}/" for tenant_id in tenants]
        prefixes += [
            self.file_key(row.tenant_id, row.project_id, row.document_id)
            for row in documents
            if row.stored and row.tenant_id not in tenants
        ]
        deleted = 0
        for prefix in prefixes:
            deleted += await self.blobs.delete(prefix)
            if await self.blobs.delete(prefix):
                raise Unavailable("The blob store still has files that it deleted.")
        return deleted

    async def _erase_rows(self, user_id: UUID, actor: Scope, files: int) -> Mapping[str, Any]:
        values = {"user": user_id, "receipt": uuid4(), "files": files}
        for attempt in range(1, ATTEMPTS + 1):
            try:
                async with self.database.transaction(actor) as session:
                    await session.execute(LONG)
                    body: Mapping[str, Any] | None = await session.scalar(ERASE, values)
                if body is None:
                    raise NotFound("User not found")
                return body
            except DBAPIError as error:
                # A job of the user that runs right now may hold what is to go.
                if getattr(error.orig, "sqlstate", None) != DEADLOCK or attempt == ATTEMPTS:
                    raise
                await asyncio.sleep(0.1 * attempt)
        raise AssertionError("unreachable")


def _check(outcome: str) -> None:
    if outcome == "last_admin":
        raise BadRequest(
            "The last admin can't be deleted.",
            hint="Make somebody else an admin first (PATCH /admin/users/{id}).",
        )
    if outcome == "not_found":
        raise NotFound("User not found")
    if outcome != "ok":
        raise Forbidden("Admin privileges required")
