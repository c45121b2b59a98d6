"""From a stored file to searchable passages: what the worker does with a new document.

Each step is written down before the next: the text once it is extracted, then the chunks batch
by batch. A worker that dies in the middle is followed by one that goes on where it stopped.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import structlog
from sqlalchemy import text, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import undefer

from baukasten_core.contracts.auth import Scope
from baukasten_core.contracts.embedding import EmbeddingSpace
from baukasten_core.contracts.showcase import TextTransform
from baukasten_core.contracts.storage import BlobStore, VectorStore
from baukasten_core.db.session import Database
from baukasten_core.documents.access import Guard
from baukasten_core.documents.embedders import Embedder, Embedders
from baukasten_core.documents.extract import Extractor
from baukasten_core.documents.files import file_key
from baukasten_core.documents.indexing import (
    Batch,
    SpaceChanged,
    batch_of,
    clear,
    new_space,
    write_batches,
)
from baukasten_core.documents.language import LanguageDetector
from baukasten_core.documents.models import Document
from baukasten_core.documents.pieces import Piece, Transform, cut
from baukasten_core.documents.text import Extracted
from baukasten_core.documents.together import UNDECIDED, are_ready, claim_others, set_status
from baukasten_core.errors import BaukastenError, NotFound, ProviderUnavailable
from baukasten_core.jobs import Jobs

log = structlog.get_logger("baukasten.documents")

INGEST = "documents.ingest"
"""The job of each document that is put in."""

BATCH = 64
"""Chunks that are embedded and written together."""

TransformOf = Callable[[str], TextTransform | None]
"""A showcase's text transform, by the project's type."""


class Gone(Exception):
    """The document was deleted meanwhile."""


@dataclass(frozen=True, slots=True)
class _Chosen:
    """What documents are embedded by, and the project's space (`new_space`) that says so."""

    embedder: Embedder
    new_space: str | None


class _Work(NamedTuple):
    """A document, others to do with it, the space that they go to, if it is not the default
    embedder's, and what is made of their texts."""

    document: Document
    others: Sequence[Document]
    space: str | None
    transform: Transform | None


class Ingestor:
    """Makes documents searchable. `run` and `failed` are the handlers of the ingest job."""

    def __init__(
        self,
        database: Database,
        blobs: BlobStore,
        embedders: Embedders,
        vectors: VectorStore,
        extractor: Extractor,
        jobs: Jobs,
        *,
        transform_of: TransformOf = lambda _: None,
        guard: Guard | None = None,
        chunk_characters: int = 900,
    ) -> None:
        self._database = database
        self._blobs = blobs
        self._embedders = embedders
        self._vectors = vectors
        self._extractor = extractor
        self._jobs = jobs
        self._detector = LanguageDetector()
        self._transform_of = transform_of
        self._guard = guard
        self._chunk_characters = chunk_characters
        self._prepared: set[str] = set()

    async def run(self, scope: Scope, document_id: UUID) -> None:
        """Extract, cut, embed and write a document, and with a short one others that wait in its
        project. Idempotent; one that is gone or ready is left alone."""
        work = await self._begin(scope, document_id)
        if work is None:
            return
        document, others, space, transform = work
        if self._guard is not None:
            await self._guard(scope, document.project_id)
        try:
            chosen = await self._chosen(space)
            await chosen.embedder.require(scope, document.project_id)
            if document.content is None:
                transform = await self._extract(scope, document)
            if others and await self._together(scope, chosen, [document, *others], transform):
                return
            title, pieces = await asyncio.to_thread(self._cut, document, transform)
            await self._index(scope, chosen, document, title, pieces)
        except Gone:
            return
        except ProviderUnavailable:  # the others wait together for its return
            async with self._database.transaction(scope) as session:
                await set_status(session, others, "queued")
            raise

    async def failed(self, scope: Scope, error: Exception, document_id: UUID) -> None:
        """Say on the document why it can't be read; nothing of it stays in the index."""
        async with self._database.transaction(scope) as session:
            document = await session.get(Document, document_id, with_for_update=True)
            if document is None or document.status == "ready":
                return
            await clear(session, self._vectors, document.tenant_id, document_id)
            document.status, document.error = "failed", sentence(error)

    # --- steps --------------------------------------------------------------------------------

    async def _begin(self, scope: Scope, document_id: UUID) -> _Work | None:
        """What nobody else begins with now; None: the document is gone or ready."""
        async with self._database.transaction(scope) as session:
            document = await session.get(
                Document,
                document_id,
                options=[undefer(Document.content), undefer(Document.pages)],
                with_for_update={"of": Document},
            )
            if document is None or document.status == "ready":
                return None
            transform = await self._transform(session, document)
            if document.status not in UNDECIDED:
                return _Work(document, (), None, transform)
            document.status = "processing"
            others = await claim_others(session, document)
            return _Work(document, others, await _space_of(session, document), transform)

    async def _chosen(self, space: str | None) -> _Chosen:
        """The embedder of the project's space, or the default one where that is not configured.

        Raises `ProviderUnavailable` where a server that never answered may be the one.
        """
        embedder = await self._embedders.by_space(space) if space else None
        return _Chosen(embedder or self._embedders.default, space)

    async def _extract(self, scope: Scope, document: Document) -> Transform | None:
        """Write the text of its file down, for a later run to begin from; answers the transform,
        which the project may have changed in all that time."""
        key = file_key(document.tenant_id, document.project_id, document.id)
        with tempfile.TemporaryDirectory(prefix="baukasten-") as folder:
            path = Path(folder) / "file"
            await self._fetch(key, path)
            extracted = await self._extractor.extract(path, filename=document.filename)
        values = await self.text_values(extracted)
        values["title"] = document.title or values["title"]
        async with self._database.transaction(scope) as session:
            await _update(session, document.id, values)
            transform = await self._transform(session, document)
        for name, value in values.items():
            setattr(document, name, value)
        return transform

    async def _fetch(self, key: str, path: Path) -> None:
        with path.open("wb") as file:
            async for piece in self._blobs.open(key):
                await asyncio.to_thread(file.write, piece)

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

    async def _transform(self, session: AsyncSession, document: Document) -> Transform | None:
        """What its project's showcase makes of a text before it is indexed; None: nothing."""
        if document.project_id is None:
            return None
        row = (await session.execute(PROJECT, {"id": document.project_id})).one_or_none()
        transform = self._transform_of(row.type) if row else None
        if row is None or transform is None:
            return None
        return lambda content: transform(content, row.config)

    def _cut(self, document: Document, transform: Transform | None) -> tuple[str, list[Piece]]:
        return cut(document, transform, self._chunk_characters)

    async def _together(
        self,
        scope: Scope,
        chosen: _Chosen,
        documents: Sequence[Document],
        transform: Transform | None,
    ) -> bool:
        """Index short documents in one go, and the jobs of all but the first are done with; answers
        whether the first is. What goes wrong with one of them is found when its own turn comes."""
        try:
            first = documents[0]
            batches = await asyncio.to_thread(self._batches, documents, transform)
            async with self._written(scope, chosen, first.project_id, batches) as (session, done):
                ready = await are_ready(session, list(done))
                others = [key for key in ready if key != first.id]
                await self._jobs.forget(session, first.tenant_id, job=INGEST, document_id=others)
            return first.id in ready
        except ProviderUnavailable:
            raise
        except Exception as error:
            log.warning("documents could not be indexed together", error=type(error).__name__)
            return False

    def _batches(self, documents: Sequence[Document], transform: Transform | None) -> list[Batch]:
        """All pieces of each document that has any."""
        parts = [(document, *self._cut(document, transform)) for document in documents]
        return [
            batch_of(document, title, pieces, len(pieces))
            for document, title, pieces in parts
            if pieces
        ]

    async def _index(
        self,
        scope: Scope,
        chosen: _Chosen,
        document: Document,
        title: str,
        pieces: Sequence[Piece],
    ) -> None:
        """Into the space that the project's new documents get; anew if that changes meanwhile."""
        while True:
            try:
                return await self._index_by(chosen, scope, document, title, pieces)
            except SpaceChanged:
                chosen = await self._start_over(scope, document)

    async def _index_by(
        self,
        chosen: _Chosen,
        scope: Scope,
        document: Document,
        title: str,
        pieces: Sequence[Piece],
    ) -> None:
        space = await chosen.embedder.space()
        done = await self._resume(scope, document, space, len(pieces))
        if done == len(pieces):
            async with self._database.transaction(scope) as session:
                await _update(session, document.id, {"status": "ready", "chunk_total": done})
        while done < len(pieces):
            part = pieces[done : done + BATCH]
            batch = await asyncio.to_thread(batch_of, document, title, part, len(pieces))
            async with self._written(scope, chosen, document.project_id, [batch]) as (_, written):
                if document.id not in written:
                    raise Gone
            done = written[document.id]

    @asynccontextmanager
    async def _written(
        self, scope: Scope, chosen: _Chosen, project_id: UUID | None, batches: Sequence[Batch]
    ) -> AsyncIterator[tuple[AsyncSession, Mapping[UUID, int]]]:
        """Embed batches and write them: the transaction that does, and how many chunks each
        document has in it."""
        texts = [each for batch in batches for each in batch.texts]
        embeddings = await chosen.embedder.embed(scope, project_id, texts)
        space = await chosen.embedder.space()
        await self._prepare(scope, space)
        async with self._database.transaction(scope) as session:
            writing = (session, self._vectors, space, batches, embeddings)
            yield session, await write_batches(*writing, chosen=chosen.new_space)

    async def _resume(
        self, scope: Scope, document: Document, space: EmbeddingSpace, total: int
    ) -> int:
        """How many pieces are written already; none of them counts if they were made otherwise."""
        if not document.chunk_count:
            return 0
        if document.chunk_total == total and document.space == space.id:
            return document.chunk_count
        await self._start_over(scope, document)
        return 0

    async def _start_over(self, scope: Scope, document: Document) -> _Chosen:
        """Take what is written of a document out again; answers what it is embedded by now. Raises
        `Gone` where another worker has finished it, or it was deleted."""
        async with self._database.transaction(scope) as session:
            # Its row first, as everybody does who changes a document.
            row = await session.get(
                Document, document.id, with_for_update={"of": Document}, populate_existing=True
            )
            if row is None or row.status not in UNDECIDED:
                raise Gone
            await clear(session, self._vectors, document.tenant_id, document.id)
            document.chunk_count = 0
            space = await _space_of(session, document)
        return await self._chosen(space)

    async def _prepare(self, scope: Scope, space: EmbeddingSpace) -> None:
        """In a transaction of its own: making a table waits until nobody writes chunks."""
        if space.id not in self._prepared:
            async with self._database.transaction(scope) as session:
                await self._vectors.prepare(session, space)
            self._prepared.add(space.id)


PROJECT = text("SELECT type, config FROM core.projects WHERE id = :id")


async def _space_of(session: AsyncSession, document: Document) -> str | None:
    return await new_space(session, document.tenant_id, document.project_id)


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


async def _update(session: AsyncSession, document_id: UUID, values: Mapping[str, Any]) -> None:
    """Raises `Gone` when the document is not there any more."""
    statement = update(Document).where(Document.id == document_id).values(**values)
    if not (await session.execute(statement)).rowcount:  # type: ignore[attr-defined]
        raise Gone
