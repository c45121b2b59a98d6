"""Erasing a user: rows, vectors, postings, files, queued jobs, also of plugins that are gone.

The account is shut first, then files and foreign vectors go, then every row on the data map in
one transaction that counts before and after and fails if anything is left. What came into a store
meanwhile goes after that, and a job looks once more. What is interrupted is taken up again by
`resume`: until its last step, the database still knows everything.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID, uuid4

import structlog
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from baukasten_core.contracts.auth import Scope
from baukasten_core.db.session import Database
from baukasten_core.errors import (
    BadRequest,
    BaukastenError,
    Forbidden,
    NotFound,
    Unavailable,
)
from baukasten_core.logs import traceback_of
from baukasten_core.privacy.receipts import Receipt, Receipts

log = structlog.get_logger("baukasten.privacy")

BEGIN = text("SELECT core.begin_erasure(:user)")
FILES = text("SELECT * FROM core.files_of(:user)")
TENANTS = text("SELECT core.tenants_that_go(:user)")
ERASE = text("SELECT core.erase_user(:user, :receipt, :files)")
INTERRUPTED = text("SELECT core.interrupted_erasures(CAST(:age AS interval))")
LONG = text("SET LOCAL statement_timeout = 0")

ATTEMPTS = 3
DEADLOCK = "40P01"


class Outside(Protocol):
    """Erases what is outside of PostgreSQL, of a document or of a whole tenant."""

    @property
    def has_vectors(self) -> bool:
        """Whether vectors are outside, too, and not files alone."""
        ...

    async def erase(
        self, tenant_id: UUID, project_id: UUID | None = None, document_id: UUID | None = None
    ) -> int:
        """Now; answers how many files there were."""
        ...

    async def erase_late_comers(
        self,
        session: AsyncSession,
        tenant_id: UUID,
        project_id: UUID | None = None,
        document_id: UUID | None = None,
    ) -> None:
        """Once more, by a job, long after the transaction has committed."""
        ...


Place = tuple[UUID, UUID | None, UUID | None]
"""(tenant, project, document) of something outside; (tenant, None, None) for all of a tenant."""


@dataclass(frozen=True)
class Eraser:
    """Erases users."""

    database: Database
    outside: Outside
    receipts: Receipts

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
            places = await self._places(session, user_id)
        files = 0
        for place in places:
            files += await self.outside.erase(*place)
            if await self.outside.erase(*place):
                raise Unavailable("The blob store still has files that it deleted.")
        body, places = await self._erase_rows(user_id, actor, files, places)
        # A call that was let in before the account was shut may have stored something meanwhile.
        with suppress(BaukastenError):
            for place in places:
                await self.outside.erase(*place)
        return self.receipts.sign(body)

    async def _places(self, session: AsyncSession, user_id: UUID) -> list[Place]:
        """Where the user has something outside: tenants that go, and documents in others."""
        tenants = (await session.scalars(TENANTS, {"user": user_id})).all()
        documents = (await session.execute(FILES, {"user": user_id})).all()
        return [(tenant_id, None, None) for tenant_id in tenants] + [
            (row.tenant_id, row.project_id, row.document_id)
            for row in documents
            if row.tenant_id not in tenants and (row.stored or self.outside.has_vectors)
        ]

    async def _erase_rows(
        self, user_id: UUID, actor: Scope, files: int, known: Sequence[Place]
    ) -> tuple[Mapping[str, Any], list[Place]]:
        """Answers the receipt, and where the user had something outside until now."""
        values = {"user": user_id, "receipt": uuid4(), "files": files}
        for attempt in range(1, ATTEMPTS + 1):
            try:
                async with self.database.transaction(actor) as session:
                    await session.execute(LONG)
                    places = await self._places(session, user_id)
                    body: Mapping[str, Any] | None = await session.scalar(ERASE, values)
                    if body is None:
                        raise NotFound("User not found")
                    for place in places:
                        if place[2] is None or place not in known:
                            await self.outside.erase_late_comers(session, *place)
                return body, places
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
