"""Files that showcases keep with a project (books, reports): the content in the blob store, a row
for each here, so that export, erasure and deletion know of it whatever becomes of the showcase."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Index, Text, delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, declared_attr, mapped_column

from baukasten_core.contracts.auth import Principal
from baukasten_core.contracts.storage import BlobStore
from baukasten_core.db.base import CoreBase, ProjectOwned
from baukasten_core.db.session import Database
from baukasten_core.documents.access import Guard
from baukasten_core.documents.files import file_key
from baukasten_core.errors import NotFound

PIECE = 1 << 16


class KeptFile(ProjectOwned, CoreBase):
    """A file of a showcase. Its id is the showcase's own (that of a row, say)."""

    __tablename__ = "files"

    filename: Mapped[str] = mapped_column(Text)
    size: Mapped[int] = mapped_column(BigInteger)

    @declared_attr.directive
    @classmethod
    def __table_args__(cls) -> tuple[Any, ...]:
        base: tuple[Any, ...] = super().__table_args__
        return (*base, Index(None, "tenant_id", "project_id"), Index(None, "user_id"))


class KeptFiles:
    """The files of one caller's projects."""

    def __init__(
        self, database: Database, blobs: BlobStore, owner: Principal, guard: Guard | None = None
    ) -> None:
        """`guard` refuses what may not lie where the blob store is."""
        self._database = database
        self._blobs = blobs
        self._owner = owner
        self._guard = guard

    async def put(self, project_id: UUID, file_id: UUID, data: bytes, filename: str) -> int:
        """Keep a file, in place of one with the same id. Raises `NotFound` without a project.

        The row comes first: a file without a row would be found by nobody.
        """
        if self._guard is not None:
            await self._guard(self._owner.scope, project_id)
        values = {"filename": filename, "size": len(data)}
        row = insert(KeptFile).values(
            id=file_id,
            tenant_id=self._owner.tenant_id,
            user_id=self._owner.user_id,
            project_id=project_id,
            **values,
        )
        try:
            async with self._database.transaction(self._owner.scope) as session:
                await session.execute(row.on_conflict_do_update(index_elements=["id"], set_=values))
        except IntegrityError:
            raise NotFound("Project not found") from None
        key = self._key(project_id, file_id)
        size = await self._blobs.put(key, _pieces(data))
        if not await self._is_there(project_id, file_id):
            # Deleted or erased meanwhile, when there was nothing in the store to delete yet.
            await self._blobs.delete(key)
            raise NotFound("Project not found")
        return size

    async def open(self, project_id: UUID, file_id: UUID) -> AsyncIterator[bytes]:
        """The content in pieces; raises `NotFound` at once, not while iterating."""
        if not await self._is_there(project_id, file_id):
            raise NotFound("File not found")
        pieces = self._blobs.open(self._key(project_id, file_id))
        return _begun(await anext(pieces, b""), pieces)

    async def delete(self, project_id: UUID, file_id: UUID) -> bool:
        """Answers whether there was one. The row goes last: what is left over can be found."""
        deleted = await self._blobs.delete(self._key(project_id, file_id))
        async with self._database.transaction(self._owner.scope) as session:
            await session.execute(
                delete(KeptFile).where(KeptFile.id == file_id, KeptFile.project_id == project_id)
            )
        return deleted > 0

    async def _is_there(self, project_id: UUID, file_id: UUID) -> bool:
        query = select(KeptFile.id).where(KeptFile.id == file_id, KeptFile.project_id == project_id)
        async with self._database.transaction(self._owner.scope) as session:
            return await session.scalar(query) is not None

    def _key(self, project_id: UUID, file_id: UUID) -> str:
        return file_key(self._owner.tenant_id, project_id, file_id)


async def _pieces(data: bytes) -> AsyncIterator[bytes]:
    for at in range(0, len(data), PIECE):
        yield data[at : at + PIECE]


async def _begun(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in rest:
        yield piece
