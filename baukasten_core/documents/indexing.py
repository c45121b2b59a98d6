"""Writing chunks, their postings and vectors: in one transaction, all or nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID, uuid5

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import delete, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from baukasten_core.contracts.embedding import EmbeddingSpace
from baukasten_core.contracts.storage import VectorStore
from baukasten_core.documents.bm25 import postings_of
from baukasten_core.documents.models import Chunk, Document, SpaceMove, postings
from baukasten_core.documents.pieces import Piece, under
from baukasten_core.documents.terms import index_terms


class SpaceChanged(Exception):
    """Meanwhile, new documents of the project go to another embedding space."""


async def new_space(session: AsyncSession, tenant_id: UUID, project_id: UUID | None) -> str | None:
    """The space that new documents of a project get; None: the default embedder's."""
    query = select(SpaceMove.space).where(
        SpaceMove.tenant_id == tenant_id, SpaceMove.project_id.is_not_distinct_from(project_id)
    )
    return (await session.scalars(query)).one_or_none()


def chunk_id(document_id: UUID, ordinal: int) -> UUID:
    """A chunk's id follows from its place, so that writing it again is the same chunk."""
    return uuid5(document_id, str(ordinal))


@dataclass(frozen=True, slots=True)
class Batch:
    """Pieces of a document that follow on what is written of it, with each one's terms; `total`
    is how many there are to be in the end, `title` what they are embedded under."""

    document_id: UUID
    pieces: Sequence[Piece]
    terms: Sequence[Sequence[str]]
    total: int
    title: str = ""

    @property
    def texts(self) -> list[str]:
        """The pieces as they are embedded."""
        return [under(self.title, piece.text) for piece in self.pieces]


def batch_of(document: Document, title: str, pieces: Sequence[Piece], total: int) -> Batch:
    """Each piece has the terms of its document's title besides its own. CPU-bound."""
    of_title = index_terms(title, document.language)
    terms = [of_title + index_terms(piece.text, document.language) for piece in pieces]
    return Batch(document.id, pieces, terms, total, title)


async def write_batches(
    session: AsyncSession,
    vectors: VectorStore,
    space: EmbeddingSpace,
    batches: Sequence[Batch],
    embeddings: NDArray[np.float32],
    *,
    chosen: str | None = None,
) -> Mapping[UUID, int]:
    """Write a batch each of several documents of a project; answers how many chunks each has now.
    One that is gone is left out, one that has all its chunks is ready.

    `embeddings` has a row for each piece, in order. The documents' rows are locked meanwhile: two
    workers at the same one (one of them was thought dead) write each batch once.

    Args:
        chosen: what `new_space` said when `space` was chosen.

    Raises:
        SpaceChanged: it says something else now, since the project has been moved; or a document
            has been begun in another space.
    """
    rows = {row.id: row for row in await session.execute(LOCK, {"ids": _ids(batches)})}
    written = [
        batch
        for batch in batches
        if batch.document_id in rows
        and rows[batch.document_id].chunk_count == batch.pieces[0].ordinal
    ]
    done = {id: row.chunk_count for id, row in rows.items()}
    if not written:
        return done
    chunks = [
        chunk_id(batch.document_id, piece.ordinal) for batch in written for piece in batch.pieces
    ]
    tenant_id = rows[written[0].document_id].tenant_id
    await session.execute(INSERT_CHUNKS, {"ids": chunks, **_chunk_values(written)})
    await session.execute(INSERT_POSTINGS, _posting_values(written))
    kept = {id(batch) for batch in written}
    mask = [id(batch) in kept for batch in batches for _ in batch.pieces]
    values = {"space": space.id, "chosen": chosen, **_counts(written)}
    if (await session.execute(COUNT, values)).rowcount < len(written):  # type: ignore[attr-defined]
        raise SpaceChanged
    # After that: the database refuses vectors of a space that their document does not name.
    await vectors.add(session, space, tenant_id, chunks, embeddings[mask])
    return done | {
        batch.document_id: done[batch.document_id] + len(batch.pieces) for batch in written
    }


async def clear(
    session: AsyncSession, vectors: VectorStore, tenant_id: UUID, document_id: UUID
) -> None:
    """Take a document out of the index; it can be written anew."""
    await vectors.remove(session, tenant_id, [document_id])
    await session.execute(delete(postings).where(postings.c.document_id == document_id))
    await session.execute(delete(Chunk).where(Chunk.document_id == document_id))
    values = {
        **{"chunk_count": 0, "term_count": 0, "other_count": 0},
        **{"space": None, "other_space": None},
    }
    await session.execute(update(Document).where(Document.id == document_id).values(values))


# The lock of `core.flip_space`, shared among all who write. With it, a later statement sees where
# new documents go, and it stays so until what is written is committed.
LOCK = text(
    "SELECT id, tenant_id, chunk_count, pg_advisory_xact_lock_shared(hashtextextended("
    "CAST(coalesce(project_id, tenant_id) AS text), 0))"
    " FROM core.documents WHERE id = ANY(CAST(:ids AS uuid[])) ORDER BY id FOR UPDATE"
)
# Whose a part is, and whether it is private, is read from the document's own row.
INSERT_CHUNKS = text(
    "INSERT INTO core.chunks (id, tenant_id, user_id, private, project_id, document_id, ordinal,"
    " text, start_offset, end_offset, page)"
    " SELECT n.id, d.tenant_id, d.user_id, d.private, d.project_id, d.id, n.ordinal, n.text,"
    " n.start_offset, n.end_offset, n.page"
    " FROM unnest(CAST(:ids AS uuid[]), CAST(:documents AS uuid[]), CAST(:ordinals AS integer[]),"
    " CAST(:texts AS text[]), CAST(:starts AS integer[]), CAST(:ends AS integer[]),"
    " CAST(:pages AS integer[]))"
    " AS n (id, document, ordinal, text, start_offset, end_offset, page)"
    " JOIN core.documents d ON d.id = n.document"
)
INSERT_POSTINGS = text(
    "INSERT INTO core.postings (tenant_id, document_id, user_id, private, project_id, term, chunks,"
    " hits)"
    " SELECT d.tenant_id, d.id, d.user_id, d.private, d.project_id, n.term, n.chunks,"
    " CAST(n.hits AS bigint[])"
    " FROM unnest(CAST(:documents AS uuid[]), CAST(:terms AS text[]), CAST(:chunks AS integer[]),"
    " CAST(:hits AS text[])) AS n (document, term, chunks, hits)"
    " JOIN core.documents d ON d.id = n.document"
)
COUNT = text(
    "UPDATE core.documents d SET chunk_count = d.chunk_count + n.chunks, chunk_total = n.total,"
    " term_count = d.term_count + n.terms, space = :space, error = NULL, updated_at = now(),"
    " status = CASE WHEN d.chunk_count + n.chunks = n.total THEN 'ready' ELSE 'processing' END"
    " FROM unnest(CAST(:documents AS uuid[]), CAST(:chunks AS integer[]),"
    " CAST(:totals AS integer[]), CAST(:terms AS integer[])) AS n (id, chunks, total, terms)"
    " WHERE d.id = n.id AND (d.chunk_count = 0 OR d.space = :space)"
    " AND CAST(:chosen AS text) IS NOT DISTINCT FROM (SELECT m.space FROM core.space_moves m"
    " WHERE m.tenant_id = d.tenant_id AND m.project_id IS NOT DISTINCT FROM d.project_id)"
)


def _ids(batches: Sequence[Batch]) -> list[UUID]:
    return [batch.document_id for batch in batches]


def _chunk_values(batches: Sequence[Batch]) -> dict[str, object]:
    pieces = [(batch.document_id, piece) for batch in batches for piece in batch.pieces]
    return {
        "documents": [document for document, _ in pieces],
        "ordinals": [piece.ordinal for _, piece in pieces],
        "texts": [piece.text for _, piece in pieces],
        "starts": [piece.start for _, piece in pieces],
        "ends": [piece.end for _, piece in pieces],
        "pages": [piece.page for _, piece in pieces],
    }


def _posting_values(batches: Sequence[Batch]) -> dict[str, object]:
    found = [
        (batch.document_id, term, hits)
        for batch in batches
        for term, hits in postings_of(
            [(piece.ordinal, terms) for piece, terms in zip(batch.pieces, batch.terms, strict=True)]
        ).items()
    ]
    return {
        "documents": [document for document, _, _ in found],
        "terms": [term for _, term, _ in found],
        "chunks": [len(hits) for _, _, hits in found],
        "hits": ["{" + ",".join(map(str, hits)) + "}" for _, _, hits in found],
    }


def _counts(batches: Sequence[Batch]) -> dict[str, object]:
    return {
        "documents": _ids(batches),
        "chunks": [len(batch.pieces) for batch in batches],
        "totals": [batch.total for batch in batches],
        "terms": [sum(map(len, batch.terms)) for batch in batches],
    }
