"""Collections of any size for one tenant, written past the platform: embedding half a million
passages would take a day, and a search does not mind where its vectors come from.

A passage is made of sentences of other texts, so its words are as common as words are. Its vector
is one of two hundred directions with noise.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import psycopg

from baukasten_core.contracts.embedding import EmbeddingSpace
from baukasten_core.documents.bm25 import postings_of
from baukasten_core.documents.indexing import chunk_id
from baukasten_core.documents.terms import index_terms

AT_ONCE = 2_000
TABLES = {
    "documents": "id, tenant_id, user_id, project_id, type, title, media_type, size, sha256,"
    " language, status, content, content_length, chunk_count, chunk_total, term_count, space",
    "chunks": "id, tenant_id, user_id, private, project_id, document_id, ordinal, text,"
    " start_offset, end_offset",
    "postings": "tenant_id, document_id, user_id, private, project_id, term, chunks, hits",
    "vectors": "tenant_id, chunk_id, document_id, user_id, private, project_id, embedding",
}


@dataclass(frozen=True)
class Texts:
    """Where passages and queries come from."""

    sentences: Sequence[str]
    queries: Sequence[str]

    @classmethod
    def read(cls, path: Path) -> Texts:
        """A file of pairs, as `baukasten eval retrieval` takes it."""
        pairs = json.loads(path.read_text())
        found = (s for doc in pairs["docs"] for s in re.split(r"(?<=[.!?])\s+", doc["text"]))
        sentences = [sentence for sentence in found if 20 < len(sentence) < 400]
        return cls(sentences, [query["query"] for query in pairs["queries"]])

    @classmethod
    def made(cls, words: int = 30_000, sentences: int = 40_000) -> Texts:
        """Invented words; the n-th is used as often as 1/n, which is how languages use theirs."""
        chance = random.Random(1)
        names = [_word(chance) for _ in range(words)]
        weights = [1 / (place + 1) for place in range(words)]
        drawn = iter(chance.choices(names, weights, k=sentences * 14 + 6_000))
        return cls(
            [" ".join(next(drawn) for _ in range(14)) + "." for _ in range(sentences)],
            [" ".join(next(drawn) for _ in range(chance.randint(3, 8))) for _ in range(600)],
        )


def _word(chance: random.Random) -> str:
    syllables = ("".join(chance.choice(part) for part in ("bdfgklmnprst", "aeiou")) for _ in "123")
    return "".join(syllables) + chance.choice(["", "n", "r", "st"])


@dataclass
class Owner:
    """Whose collection it is."""

    tenant_id: UUID
    user_id: UUID
    project_id: UUID


@dataclass
class _Batch:
    rows: dict[str, list[Sequence[Any]]] = field(
        default_factory=lambda: {name: [] for name in TABLES}
    )


def fill(url: str, space: EmbeddingSpace, owner: Owner, texts: Texts, passages: int) -> None:
    """Write `passages` passages as a superuser, then build the index over all vectors."""
    chance, noise = random.Random(passages), np.random.default_rng(passages)
    directions = noise.normal(size=(200, space.dimensions))
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SELECT core.prepare_space(%s, %s)", [space.id, space.dimensions])
        with without_index(connection, f"vectors_{space.id}") as table:
            for batch in _batches(space, owner, texts, passages, chance, noise, directions):
                for name, columns in TABLES.items():
                    into = f"core.{table if name == 'vectors' else name}"
                    with connection.cursor().copy(f"COPY {into} ({columns}) FROM STDIN") as copy:
                        for row in batch.rows[name]:
                            copy.write_row(row)


@contextmanager
def without_index(connection: psycopg.Connection[Any], table: str) -> Iterator[str]:
    """While rows are written to a table of vectors: no look-up and no index for each of them. The
    index is built at the end, over all."""
    query = (
        "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'core'"
        " AND tablename = %s AND indexdef LIKE '%%hnsw%%'"
    )
    name, definition = connection.execute(query, [table]).fetchone()  # type: ignore[misc]
    connection.execute(f"DROP INDEX core.{name}")
    connection.execute("SET session_replication_role = replica")
    connection.execute("SET maintenance_work_mem = '1GB'")
    yield table
    connection.execute(definition)
    connection.execute("VACUUM ANALYZE")


def _batches(
    space: EmbeddingSpace,
    owner: Owner,
    texts: Texts,
    passages: int,
    chance: random.Random,
    noise: np.random.Generator,
    directions: Any,
) -> Iterator[_Batch]:
    batch, done = _Batch(), 0
    terms = {sentence: index_terms(sentence, "en") for sentence in texts.sentences}
    while done < passages:
        count = min(chance.choice([1, 1, 1, 1, 1, 1, 2, 3]), passages - done)
        vectors = directions[noise.integers(0, 200, count)]
        vectors = vectors + noise.normal(size=vectors.shape) * 0.9
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        _add(
            batch,
            space,
            owner,
            [chance.sample(texts.sentences, 5) for _ in vectors],
            terms,
            vectors,
        )
        done += count
        if len(batch.rows["documents"]) >= AT_ONCE:
            yield batch
            batch = _Batch()
    yield batch


def _add(
    batch: _Batch,
    space: EmbeddingSpace,
    owner: Owner,
    chosen: Sequence[Sequence[str]],
    terms: dict[str, list[str]],
    vectors: Any,
) -> None:
    """One document."""
    document, tenant, user, project = uuid4(), owner.tenant_id, owner.user_id, owner.project_id
    counted = [(n, [t for s in sentences for t in terms[s]]) for n, sentences in enumerate(chosen)]
    whole, start = " ".join(" ".join(sentences) for sentences in chosen), 0
    for (ordinal, _), sentences, vector in zip(counted, chosen, vectors, strict=True):
        key, text = chunk_id(document, ordinal), " ".join(sentences)
        at = (start, start + len(text))
        batch.rows["chunks"].append(
            (key, tenant, user, False, project, document, ordinal, text, *at)
        )
        written = "[" + ",".join(f"{number:.5g}" for number in vector) + "]"
        batch.rows["vectors"].append((tenant, key, document, user, False, project, written))
        start = at[1] + 1
    for term, hits in postings_of(counted).items():
        batch.rows["postings"].append(
            (tenant, document, user, False, project, term, len(hits), hits)
        )
    total, size = sum(len(found) for _, found in counted), len(chosen)
    about = ("text", chosen[0][0][:30], "text/plain", len(whole), document.bytes, "en", "ready")
    batch.rows["documents"].append(
        (document, tenant, user, project, *about, whole, len(whole), size, size, total, space.id)
    )
