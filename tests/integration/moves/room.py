"""What tests of moves share: the documents' room, and embedders of several spaces."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import text

from baukasten_core.contracts.auth import Principal
from baukasten_core.contracts.embedding import EmbeddingProvider, Priority
from baukasten_core.contracts.showcase import TransformedText
from baukasten_core.db.session import Database
from baukasten_core.documents.embedders import Embedders
from baukasten_core.documents.extract import Extractor
from baukasten_core.documents.ingest import Ingestor
from baukasten_core.documents.models import Document
from baukasten_core.documents.mover import Mover
from baukasten_core.documents.moves import Move, Moves, Place
from baukasten_core.documents.search import Searcher
from baukasten_core.documents.service import Documents
from baukasten_core.jobs import Jobs
from baukasten_core.providers.storage.pgvector_store import PgVectorConfig, PgVectorStore
from baukasten_core.testing.fakes import FakeEmbedder, MemoryBlobStore


class Embedder(FakeEmbedder):
    """Notes what it is asked; `before` is called before each bulk call."""

    def __init__(self, dimensions: int = 256, variant: str = "") -> None:
        super().__init__(dimensions, variant)
        self.texts: list[str] = []
        self.queries: list[str] = []
        self.before: Callable[[], object] = lambda: None

    async def embed(
        self, texts: Sequence[str], *, priority: Priority = "bulk"
    ) -> NDArray[np.float32]:
        if priority == "bulk":
            result = self.before()
            if isinstance(result, asyncio.Future) or asyncio.iscoroutine(result):
                await result
            self.texts += texts
        else:
            self.queries += texts
        return await super().embed(texts, priority=priority)


@dataclass
class Platform:
    """The documents' room with embedders that can be taken away, and jobs run by hand."""

    database: Database
    extractor: Extractor
    old: Embedder = field(default_factory=Embedder)
    new: Embedder = field(default_factory=lambda: Embedder(64, "new"))
    like: Embedder = field(default_factory=lambda: Embedder(256, "of the same dimensions"))
    turn_seconds: float = 600.0

    def __post_init__(self) -> None:
        self.configure(self.old, new=self.new, like=self.like)

    def configure(self, default: EmbeddingProvider, **more: EmbeddingProvider) -> None:
        """Start anew with these embedders."""
        self.vectors, blobs = PgVectorStore(PgVectorConfig()), MemoryBlobStore()
        self.embedders, jobs = Embedders(default, more), Jobs()
        transform = lambda type_: shout if type_ == "blind" else None  # noqa: E731
        self.ingestor = Ingestor(
            *(self.database, blobs, self.embedders, self.vectors, self.extractor, jobs),
            transform_of=transform,
            chunk_characters=200,
        )
        self.documents = Documents(
            *(self.database, blobs, self.vectors, jobs, self.extractor, None, self.ingestor)
        )
        self.searcher = Searcher(self.database, self.embedders, self.vectors)
        self.moves = Moves(self.database, self.embedders, jobs)
        self.mover = Mover(
            *(self.database, self.embedders, self.vectors, jobs),
            transform_of=transform,
            turn_seconds=self.turn_seconds,
        )

    async def work(self, place: Place) -> None:
        """What the worker does when a job of this place comes up."""
        await self.mover.run(place.scope, project_id=place.project_id)

    async def put(
        self, owner: Principal, content: str, project: UUID | None = None, **options: object
    ) -> Document:
        added = await self.documents.add_text(owner, content, project_id=project, **options)  # type: ignore[arg-type]
        await self.ingestor.run(owner.scope, added.id)
        async with self.database.transaction(owner.scope) as session:
            return await self.documents.get(session, owner, added.id)

    async def found(self, owner: Principal, query: str, project: UUID | None = None) -> list[UUID]:
        hits = await self.searcher.search(owner, query, project_id=project, limit=20)
        return [hit.document_id for hit in hits]

    async def spaces(self, owner: Principal, document: Document) -> tuple[str | None, str | None]:
        async with self.database.transaction(owner.scope) as session:
            row = await self.documents.get(session, owner, document.id)
            return row.space, row.other_space

    async def count(self, owner: Principal, document: Document, embedder: FakeEmbedder) -> int:
        """Vectors of a document in an embedder's space."""
        async with self.database.transaction(owner.scope) as session:
            if not await self.vectors._exists(session, embedder.space):
                return 0
            query = text(
                f"SELECT count(*) FROM core.vectors_{embedder.space.id} WHERE document_id = :id"
            )
            return int(await session.scalar(query, {"id": document.id}) or 0)

    async def move(self, place: Place) -> Move | None:
        status = await self.moves.status()
        return next((each for each in status.moves if each.place == place), None)

    async def migrate(self, place: Place, name: str = "new") -> None:
        assert await self.moves.start(place, name)
        await self.work(place)


def shout(content: str, config: object) -> TransformedText:
    return TransformedText(content.upper(), list(range(len(content))))


HERON = "The grey heron waits for fish in shallow water."
