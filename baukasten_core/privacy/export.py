"""Everything held about a user as one ZIP, read from the data map table by table.

`data/<plugin>/<table>.json` has the rows, `schema/<plugin>/<table>.json` their JSON Schema,
`files/` the original files, and `manifest.json`, written last, says what is there and why it was
held. The map is the database's, so plugins that are quarantined or gone are in it too.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import IO, Any
from uuid import UUID

from sqlalchemy import text

from baukasten_core.contracts.auth import Scope
from baukasten_core.contracts.storage import BlobStore
from baukasten_core.db.session import Database
from baukasten_core.errors import NotFound
from baukasten_core.privacy import audit
from baukasten_core.privacy.archive import ZipPieces
from baukasten_core.privacy.schema import json_schema

FileKey = Callable[[UUID, UUID | None, UUID], str]
"""The blob key of a document's original file: (tenant, project, document)."""

TABLES = text("SELECT * FROM core.export_tables()")
ROWS = text("SELECT row::text FROM core.export_rows(:plugin, :name) AS row")
FILES = text("SELECT * FROM core.files_of(:user) WHERE stored AND NOT deleted")
LONG = text("SET LOCAL statement_timeout = 0")

BATCH = 200
IN_MEMORY = 4 * 2**20
PIECE = 256 * 1024


@dataclass
class _Manifest:
    user_id: UUID
    tables: list[dict[str, Any]] = field(default_factory=list)
    files: list[dict[str, Any]] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    def encode(self) -> bytes:
        body = {
            "format": "baukasten-export/1",
            "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "user_id": str(self.user_id),
            "tables": self.tables,
            "files": self.files,
            "missing_files": self.missing,
        }
        return _json(body)


async def export_user(
    database: Database, blobs: BlobStore, scope: Scope, *, file_key: FileKey
) -> AsyncIterator[bytes]:
    """The ZIP in pieces. No database connection is held while a piece is on its way.

    Args:
        scope: the user whose data it is; the database gives nobody else's.
    """
    assert scope.user_id is not None
    archive, manifest = ZipPieces(), _Manifest(scope.user_id)
    async with database.transaction(scope) as session:
        tables = [dict(row) for row in (await session.execute(TABLES)).mappings()]
        files = (await session.execute(FILES, {"user": scope.user_id})).all()
        await audit.record(session, scope, "user.exported")
    for table in tables:
        async for piece in _add_table(archive, manifest, database, scope, table):
            yield piece
    for row in files:
        key = file_key(row.tenant_id, row.project_id, row.document_id)
        name = f"files/{row.document_id}/{_safe(row.filename)}"
        async for piece in _add_file(archive, manifest, blobs, key, name):
            yield piece
    async for piece in archive.add("manifest.json", _once(manifest.encode())):
        yield piece
    yield archive.end()


# --- tables -------------------------------------------------------------------------------


async def _add_table(
    archive: ZipPieces,
    manifest: _Manifest,
    database: Database,
    scope: Scope,
    table: Mapping[str, Any],
) -> AsyncIterator[bytes]:
    place = f"{table['plugin']}/{table['name']}.json"
    described = {key: value for key, value in table.items() if key not in ("columns", "exported")}
    if not table["exported"]:
        reason = "a search index, made from the documents in this export"
        manifest.tables.append({**described, "not_exported": reason})
        return
    with tempfile.SpooledTemporaryFile(IN_MEMORY) as spool:
        count = await _spool_rows(spool, database, scope, table)
        entry = {"data": f"data/{place}", "schema": f"schema/{place}", "rows": count}
        manifest.tables.append({**described, **entry})
        schema = _json(json_schema(table))
        async for piece in archive.add(f"schema/{place}", _once(schema)):
            yield piece
        async for piece in archive.add(f"data/{place}", _read(spool)):
            yield piece


async def _spool_rows(
    spool: IO[bytes], database: Database, scope: Scope, table: Mapping[str, Any]
) -> int:
    """Write a table's rows as a JSON array: to memory, or to disk when they are many."""
    count = 0
    spool.write(b"[")
    async with database.transaction(scope) as session:
        await session.execute(LONG)
        names = {"plugin": table["plugin"], "name": table["name"]}
        result = await session.stream(ROWS, names, execution_options={"yield_per": BATCH})
        async for rows in result.scalars().partitions():
            lead = ",\n" if count else "\n"
            await asyncio.to_thread(spool.write, (lead + ",\n".join(rows)).encode())
            count += len(rows)
    spool.write(b"\n]\n")
    spool.seek(0)
    return count


async def _read(spool: IO[bytes]) -> AsyncIterator[bytes]:
    while piece := await asyncio.to_thread(spool.read, PIECE):
        yield piece


# --- files --------------------------------------------------------------------------------


async def _add_file(
    archive: ZipPieces, manifest: _Manifest, blobs: BlobStore, key: str, name: str
) -> AsyncIterator[bytes]:
    digest, size = hashlib.sha256(), 0
    content = blobs.open(key)
    try:
        first = await anext(content, b"")
    except NotFound:
        manifest.missing.append(name)
        return

    async def counted() -> AsyncIterator[bytes]:
        nonlocal size
        piece = first
        while piece:
            digest.update(piece)
            size += len(piece)
            yield piece
            piece = await anext(content, b"")

    async for piece in archive.add(name, counted()):
        yield piece
    manifest.files.append({"path": name, "bytes": size, "sha256": digest.hexdigest()})


def _safe(filename: str | None) -> str:
    """A name that unpacks in its folder, on every system."""
    name = re.sub(r'[\x00-\x1f<>:"/\\|?*]', "_", filename or "").strip(" .")
    return name.encode("utf-8", "replace").decode()[:150] or "file"


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content


def _json(value: Mapping[str, Any] | Sequence[Any]) -> bytes:
    return json.dumps(value, indent=2, ensure_ascii=False).encode() + b"\n"
