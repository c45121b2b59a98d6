"""From a stored file to searchable passages: what the worker does with a new document.

Each step is written down before the next: the text once it is extracted, then the chunks batch
by batch. A worker that dies in the middle is followed by one that goes on where it stopped.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import text, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import undefer

from baukasten_core.contracts.auth import Scope
from baukasten_core.contracts.embedding import EmbeddingProvider
from baukasten_core.contracts.showcase import TextTransform, TransformedText
from baukasten_core.contracts.storage import BlobStore, VectorStore
from baukasten_core.db.session import Database
from baukasten_core.documents.access import Guard
from baukasten_core.documents.chunk import chunk
from baukasten_core.documents.extract import Extractor
from baukasten_core.documents.files import file_key
from baukasten_core.documents.indexing import Piece, clear, count_terms, write_batch
from baukasten_core.documents.language import LanguageDetector
from baukasten_core.documents.models import Document
from baukasten_core.documents.text import Extracted, page_at
from baukasten_core.errors import BaukastenError, NotFound

BATCH = 64
"""Chunks that are embedded and written together."""

TransformOf = Callable[[str], TextTransform | None]
"""A showcase's text transform, by the project's type."""


class Gone(Exception):
    """The document was deleted meanwhile."""


class Ingestor:
    """Makes documents searchable. `run` and `failed` are the handlers of the ingest job."""

    def __init__(
        self,
        database: Database,
        blobs: BlobStore,
        embedder: EmbeddingProvider,
        vectors: VectorStore,
        extractor: Extractor,
        *,
        transform_of: TransformOf = lambda _: None,
        guard: Guard | None = None,
        chunk_characters: int = 900,
    ) -> None:
        self._database = database
        self._blobs = blobs
        self._embedder = embedder
        self._vectors = vectors
        self._extractor = extractor
        self._detector = LanguageDetector()
        self._transform_of = transform_of
        self._guard = guard
        self._chunk_characters = chunk_characters
        self._prepared: set[str] = set()

    async def run(self, scope: Scope, document_id: UUID) -> None:
        """Extract, cut, embed and write a document. Idempotent; one that is gone or ready is
        left alone."""
        document = await self._begin(scope, document_id)
        if document is None or document.status == "ready":
            return
        if self._guard is not None:
            await self._guard(scope, document.project_id)
        try:
            if document.content is None:
                await self._extract(scope, document)
            title, pieces = await self._cut(scope, document)
            await self._index(scope, document, title, pieces)
        except Gone:
            return

    async def failed(self, scope: Scope, error: Exception, document_id: UUID) -> None:
        """Say on the document why it can't be read; nothing of it stays in the index."""
        async with self._database.transaction(scope) as session:
            document = await session.get(Document, document_id, with_for_update=True)
            if document is None or document.status == "ready":
                return
            await clear(session, self._vectors, document.tenant_id, document_id)
            document.status, document.error = "failed", sentence(error)

    # --- steps --------------------------------------------------------------------------------

    async def _begin(self, scope: Scope, document_id: UUID) -> Document | None:
        async with self._database.transaction(scope) as session:
            document = await session.get(
                Document,
                document_id,
                options=[undefer(Document.content), undefer(Document.pages)],
                with_for_update={"of": Document},
            )
            if document is not None and document.status == "queued":
                document.status = "processing"
        return document

    async def _extract(self, scope: Scope, document: Document) -> None:
        key = file_key(document.tenant_id, document.project_id, document.id)
        with tempfile.TemporaryDirectory(prefix="baukasten-") as folder:
            path = Path(folder) / "file"
            await self._fetch(key, path)
            extracted = await self._extractor.extract(path, filename=document.filename)
        await self.save_text(scope, document, extracted)

    async def _fetch(self, key: str, path: Path) -> None:
        with path.open("wb") as file:
            async for piece in self._blobs.open(key):
                await asyncio.to_thread(file.write, piece)

    async def save_text(self, scope: Scope, document: Document, extracted: Extracted) -> None:
        """Write the extracted text down; a later run begins from it."""
        values = await self.text_values(extracted)
        values["title"] = document.title or values["title"]
        async with self._database.transaction(scope) as session:
            await _update(session, document.id, values)
        for name, value in values.items():
            setattr(document, name, value)

    async def text_values(self, extracted: Extracted) -> dict[str, Any]:
        """The columns that hold a document's text."""
        detected = await self._detector.detect_in_thread(extracted.text)
        return {
            "content": extracted.text,
            "content_length": len(extracted.text),
            "pages": list(extracted.pages),
            "title": extracted.title,
            "language": detected.language if detected else None,
        }

    async def _cut(self, scope: Scope, document: Document) -> tuple[str, list[Piece]]:
        """The title and the pieces to index under it. The same every time, as long as nothing
        was reconfigured. A transform may take out what a title tells: then there is none."""
        content, pages = document.content or "", tuple(document.pages)
        transformed = await self.transformed(scope, document, content)
        if transformed is None:
            chunks = await chunk(content, max_characters=self._chunk_characters, pages=pages)
            pieces = [Piece(n, c.text, c.start, c.end, c.page) for n, c in enumerate(chunks)]
            return title_of(document), pieces
        chunks = await chunk(transformed.text, max_characters=self._chunk_characters)
        return "", [
            Piece(number, part.text, start, end, page_at(pages, start))
            for number, part in enumerate(chunks)
            for start, end in [_original(transformed, part.start, part.end)]
        ]

    async def transformed(
        self, scope: Scope, document: Document, content: str
    ) -> TransformedText | None:
        """What the project's showcase makes of a text before it is indexed; None: nothing."""
        if document.project_id is None:
            return None
        async with self._database.transaction(scope) as session:
            row = (await session.execute(PROJECT, {"id": document.project_id})).one_or_none()
        transform = self._transform_of(row.type) if row else None
        return transform(content, row.config) if transform and row else None

    async def _index(
        self, scope: Scope, document: Document, title: str, pieces: Sequence[Piece]
    ) -> None:
        done = await self._resume(scope, document, len(pieces))
        if done == len(pieces):
            async with self._database.transaction(scope) as session:
                await _update(session, document.id, {"status": "ready", "chunk_total": done})
        while done < len(pieces):
            batch = pieces[done : done + BATCH]
            vectors = await self._embedder.embed([under(title, piece.text) for piece in batch])
            await self._prepare(scope)
            terms = await count_terms(batch, document.language, title)
            done = await self._write(scope, document, batch, terms, vectors, total=len(pieces))

    async def _resume(self, scope: Scope, document: Document, total: int) -> int:
        """How many pieces are written already; none of them counts if they were made otherwise."""
        if not document.chunk_count:
            return 0
        if document.chunk_total == total and document.space == self._embedder.space.id:
            return document.chunk_count
        async with self._database.transaction(scope) as session:
            await clear(session, self._vectors, document.tenant_id, document.id)
        return 0

    async def _prepare(self, scope: Scope) -> None:
        """In a transaction of its own: making a table waits until nobody writes chunks."""
        space = self._embedder.space
        if space.id not in self._prepared:
            async with self._database.transaction(scope) as session:
                await self._vectors.prepare(session, space)
            self._prepared.add(space.id)

    async def _write(
        self,
        scope: Scope,
        document: Document,
        batch: Sequence[Piece],
        terms: Sequence[Sequence[str]],
        vectors: NDArray[np.float32],
        *,
        total: int,
    ) -> int:
        async with self._database.transaction(scope) as session:
            done = await write_batch(
                session,
                self._vectors,
                self._embedder.space,
                document.id,
                batch,
                terms,
                vectors,
                total=total,
            )
        if done is None:
            raise Gone
        return done


PROJECT = text("SELECT type, config FROM core.projects WHERE id = :id")


def title_of(document: Document) -> str:
    """What a document is called: by whoever put it in, by itself, or by its file's name."""
    return document.title or Path(document.filename or "").stem


def under(title: str, text: str) -> str:
    """A passage as it is embedded: what its document is about often stands in the title alone."""
    return f"{title}\n{text}" if title else text


def sentence(error: Exception) -> str:
    """What is said on a failed document: ours are sentences, others may quote its text."""
    if isinstance(error, NotFound):
        return "Its original file is not there any more."
    if isinstance(error, BaukastenError):
        return error.detail
    return (
        f"It could not be read because of an error in this platform ({type(error).__name__}). "
        "Put it in again, or tell the operator."
    )


def _original(transformed: TransformedText, start: int, end: int) -> tuple[int, int]:
    """Where characters of a transformed text come from."""
    return transformed.offsets[start], transformed.offsets[end - 1] + 1


async def _update(session: AsyncSession, document_id: UUID, values: Mapping[str, Any]) -> None:
    """Raises `Gone` when the document is not there any more."""
    statement = update(Document).where(Document.id == document_id).values(**values)
    if not (await session.execute(statement)).rowcount:  # type: ignore[attr-defined]
        raise Gone
