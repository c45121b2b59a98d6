"""Writing chunks, their postings and vectors: one batch, one transaction, all or nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID, uuid5

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import delete, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from baukasten_core.contracts.embedding import EmbeddingSpace
from baukasten_core.contracts.storage import VectorStore
from baukasten_core.documents.bm25 import postings_of
from baukasten_core.documents.models import Chunk, Document, postings
from baukasten_core.documents.terms import index_terms


@dataclass(frozen=True, slots=True)
class Piece:
    """A chunk that is to be written. `start`, `end` count characters of the document's content,
    whatever a transform made of the text."""

    ordinal: int
    text: str
    start: int
    end: int
    page: int | None


def chunk_id(document_id: UUID, ordinal: int) -> UUID:
    """A chunk's id follows from its place, so that writing it again is the same chunk."""
    return uuid5(document_id, str(ordinal))


async def count_terms(
    pieces: Sequence[Piece], language: str | None, title: str = ""
) -> list[list[str]]:
    """The index terms of each piece under its document's title, in a thread."""

    def count() -> list[list[str]]:
        of_title = index_terms(title, language)
        return [of_title + index_terms(piece.text, language) for piece in pieces]

    return await asyncio.to_thread(count)


async def write_batch(
    session: AsyncSession,
    vectors: VectorStore,
    space: EmbeddingSpace,
    document_id: UUID,
    pieces: Sequence[Piece],
    piece_terms: Sequence[Sequence[str]],
    embeddings: NDArray[np.float32],
    *,
    total: int,
) -> int | None:
    """Write pieces that follow on what is written already; answers how many of `total` chunks
    the document has now, None if it is gone. With the last of them it is ready.

    The document's row is locked meanwhile: two workers at the same document (one of them was
    thought dead) write each batch once.
    """
    query = select(Document.tenant_id, Document.chunk_count).where(Document.id == document_id)
    row = (await session.execute(query.with_for_update())).one_or_none()
    if row is None or row.chunk_count != pieces[0].ordinal:
        return None if row is None else row.chunk_count
    await session.execute(INSERT_CHUNKS, _chunk_values(document_id, pieces))
    await session.execute(INSERT_POSTINGS, _posting_values(document_id, pieces, piece_terms))
    ids = [chunk_id(document_id, piece.ordinal) for piece in pieces]
    await vectors.add(session, space, row.tenant_id, ids, embeddings)
    done: int = row.chunk_count + len(pieces)
    await session.execute(
        update(Document)
        .where(Document.id == document_id)
        .values(
            chunk_count=done,
            chunk_total=total,
            status="ready" if done == total else "processing",
            error=None,
            term_count=Document.term_count + sum(map(len, piece_terms)),
            space=space.id,
        )
    )
    return done


async def clear(
    session: AsyncSession, vectors: VectorStore, tenant_id: UUID, document_id: UUID
) -> None:
    """Take a document out of the index; it can be written anew."""
    await vectors.remove(session, tenant_id, [document_id])
    await session.execute(delete(postings).where(postings.c.document_id == document_id))
    await session.execute(delete(Chunk).where(Chunk.document_id == document_id))
    counts = {"chunk_count": 0, "term_count": 0, "space": None}
    await session.execute(update(Document).where(Document.id == document_id).values(counts))


# Whose a part is, and whether it is private, is read from the document's own row.
INSERT_CHUNKS = text(
    "INSERT INTO core.chunks (id, tenant_id, user_id, private, project_id, document_id, ordinal,"
    " text, start_offset, end_offset, page)"
    " SELECT n.id, d.tenant_id, d.user_id, d.private, d.project_id, d.id, n.ordinal, n.text,"
    " n.start_offset, n.end_offset, n.page"
    " FROM core.documents d CROSS JOIN unnest(CAST(:ids AS uuid[]), CAST(:ordinals AS integer[]),"
    " CAST(:texts AS text[]), CAST(:starts AS integer[]), CAST(:ends AS integer[]),"
    " CAST(:pages AS integer[])) AS n (id, ordinal, text, start_offset, end_offset, page)"
    " WHERE d.id = :document"
)
INSERT_POSTINGS = text(
    "INSERT INTO core.postings (tenant_id, document_id, user_id, private, project_id, term, chunks,"
    " hits)"
    " SELECT d.tenant_id, d.id, d.user_id, d.private, d.project_id, n.term, n.chunks,"
    " CAST(n.hits AS bigint[])"
    " FROM core.documents d CROSS JOIN unnest(CAST(:terms AS text[]), CAST(:chunks AS integer[]),"
    " CAST(:hits AS text[])) AS n (term, chunks, hits)"
    " WHERE d.id = :document"
)


def _chunk_values(document_id: UUID, pieces: Sequence[Piece]) -> dict[str, object]:
    return {
        "document": document_id,
        "ids": [chunk_id(document_id, piece.ordinal) for piece in pieces],
        "ordinals": [piece.ordinal for piece in pieces],
        "texts": [piece.text for piece in pieces],
        "starts": [piece.start for piece in pieces],
        "ends": [piece.end for piece in pieces],
        "pages": [piece.page for piece in pieces],
    }


def _posting_values(
    document_id: UUID, pieces: Sequence[Piece], piece_terms: Sequence[Sequence[str]]
) -> dict[str, object]:
    numbered = [(piece.ordinal, found) for piece, found in zip(pieces, piece_terms, strict=True)]
    found = postings_of(numbered)
    return {
        "document": document_id,
        "terms": list(found),
        "chunks": [len(hits) for hits in found.values()],
        "hits": ["{" + ",".join(map(str, hits)) + "}" for hits in found.values()],
    }
