"""BM25 in PostgreSQL is BM25: against a plain computation, after any ingests and deletions."""

from __future__ import annotations

import math
from collections import Counter
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from baukasten_core.contracts.auth import Principal
from baukasten_core.db.session import Database
from baukasten_core.documents import bm25
from baukasten_core.documents.indexing import (
    INSERT_CHUNKS,
    INSERT_POSTINGS,
    Batch,
    _chunk_values,
    _posting_values,
    chunk_id,
)
from baukasten_core.documents.pieces import Piece
from baukasten_core.documents.terms import terms, variants
from baukasten_core.testing.fixtures_db import DatabaseUrls, create_user

Document = list[list[str]]  # chunks of words

WORDS = st.sampled_from(["ape", "bee", "cat", "dog", "eel", "fox"])
DOCUMENTS = st.lists(
    st.lists(st.lists(WORDS, min_size=1, max_size=12), min_size=1, max_size=4),
    min_size=1,
    max_size=8,
)


def plain(documents: dict[UUID, Document], query: set[str]) -> dict[tuple[UUID, int], float]:
    """BM25 as the textbooks have it."""
    chunks = {(key, n): words for key, doc in documents.items() for n, words in enumerate(doc)}
    average = sum(map(len, chunks.values())) / len(chunks)
    frequency = Counter(word for words in chunks.values() for word in set(words))
    scores: dict[tuple[UUID, int], float] = {}
    for key, words in chunks.items():
        for word in query & set(words):
            df, tf = frequency[word], words.count(word)
            idf = math.log(1 + (len(chunks) - df + 0.5) / (df + 0.5))
            norm = bm25.K1 * (1 - bm25.B + bm25.B * len(words) / average)
            scores[key] = scores.get(key, 0.0) + idf * tf / (tf + norm)
    return scores


async def store(session: AsyncSession, owner: Principal, document: Document, at: int) -> UUID:
    """A document in batches of `at` chunks."""
    key = uuid4()
    values = {"id": key, "t": owner.tenant_id, "u": owner.user_id, "h": key.bytes}
    count = {"chunks": len(document), "terms": sum(map(len, document))}
    await session.execute(
        text(
            "INSERT INTO core.documents (id, tenant_id, user_id, type, media_type, size, sha256,"
            " chunk_count, term_count) VALUES (:id, :t, :u, 'text', 'text/plain', 1, :h, :chunks,"
            " :terms)"
        ),
        values | count,
    )
    pieces = [Piece(n, " ".join(words), 0, 1, None) for n, words in enumerate(document)]
    for start in range(0, len(pieces), at):
        part = pieces[start : start + at]
        words = [document[piece.ordinal] for piece in part]
        batches = [Batch(key, part, words, len(pieces))]
        chunks = [chunk_id(key, piece.ordinal) for piece in part]
        await session.execute(INSERT_CHUNKS, {"ids": chunks, **_chunk_values(batches)})
        await session.execute(INSERT_POSTINGS, _posting_values(batches))
    return key


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    documents=DOCUMENTS,
    deleted=st.sets(st.integers(0, 7)),
    query=st.sets(WORDS, min_size=1),
    at=st.integers(1, 3),
)
async def test_scores_are_exact_after_deletions(
    database: Database,
    database_urls: DatabaseUrls,
    documents: list[Document],
    deleted: set[int],
    query: set[str],
    at: int,
) -> None:
    owner, other = create_user(database_urls), create_user(database_urls)
    async with database.transaction(other.scope) as session:
        await store(session, other, [["ape"] * 50, ["bee", "cat"]], 1)
    async with database.transaction(owner.scope) as session:
        keys = [await store(session, owner, document, at) for document in documents]
        kept = {key: doc for n, (key, doc) in enumerate(zip(keys, documents, strict=True))
                if n not in deleted}  # fmt: skip
        gone = [key for key in keys if key not in kept]
        await session.execute(
            text("DELETE FROM core.documents WHERE id = ANY(CAST(:ids AS uuid[]))"), {"ids": gone}
        )
        corpus = await bm25.corpus(session, owner.tenant_id, None)
        words = [frozenset({word}) for word in sorted(query)]
        found = await bm25.search(session, owner.tenant_id, corpus, words, limit=100)
        await session.rollback()
    expected = plain(kept, query) if kept else {}
    assert dict(found.scores) == pytest.approx(expected, rel=1e-9)
    assert all(0 <= found.share(key) <= 1 for key in found.scores)


@pytest.mark.parametrize("rare", [0, 1, 3])
async def test_a_common_word_brings_no_chunk_and_counts_in_those_that_others_brought(
    database: Database, tenant: Principal, rare: int
) -> None:
    documents: list[Document] = [
        [["ape", "cat"], ["cat", "dog", "dog"]],
        [["cat", "bee"]],
        [["cat"], ["ape", "eel"]],
        [["cat", "cat", "eel"]],
    ]
    words = [frozenset({word}) for word in ("ape", "cat")]
    async with database.transaction(tenant.scope) as session:
        keys = [await store(session, tenant, document, 1) for document in documents]
        corpus = await bm25.corpus(session, tenant.tenant_id, None)
        found = await bm25.search(
            session,
            tenant.tenant_id,
            corpus,
            words,
            limit=10,
            also=[chunk_id(keys[3], 0)],
            rare=rare,
        )
    expected = plain(dict(zip(keys, documents, strict=True)), {"ape", "cat"})
    brought = {(keys[0], 0), (keys[2], 1), (keys[3], 0)}
    assert dict(found.scores) == pytest.approx(
        {key: value for key, value in expected.items() if key in brought}, rel=1e-9
    )


async def test_a_chunk_that_is_asked_for_has_its_place_unless_it_is_gone_or_somebody_elses(
    database: Database, database_urls: DatabaseUrls, tenant: Principal
) -> None:
    other = create_user(database_urls)
    async with database.transaction(other.scope) as session:
        theirs = await store(session, other, [["ape"]], 1)
    async with database.transaction(tenant.scope) as session:
        key = await store(session, tenant, [["ape"], ["bee"]], 2)
        corpus = await bm25.corpus(session, tenant.tenant_id, None)
        asked = [chunk_id(key, 0), chunk_id(key, 1), chunk_id(key, 2), chunk_id(theirs, 0)]
        found = await bm25.search(
            session, tenant.tenant_id, corpus, [frozenset({"ape"})], limit=10, also=asked
        )
    assert found.places == {asked[0]: (key, 0), asked[1]: (key, 1)}
    assert set(found.scores) == {(key, 0)}


async def test_how_common_a_common_word_is_may_be_as_old_as_the_corpus(
    database: Database, tenant: Principal
) -> None:
    documents = [["ape", "bee"], ["ape"], ["ape", "cat"]]
    words = [frozenset({word}) for word in ("ape", "bee")]
    asked = {"limit": 10, "rare": 1.0}
    async with database.transaction(tenant.scope) as session:
        for document in documents:
            await store(session, tenant, [document], 1)
        corpus = await bm25.corpus(session, tenant.tenant_id, None)
        first = await bm25.search(session, tenant.tenant_id, corpus, words, **asked)
        again = await bm25.search(session, tenant.tenant_id, corpus, words, **asked)
        assert corpus.common == {"ape": 3}
        await store(session, tenant, [["ape", "bee"]], 1)
        later = await bm25.search(session, tenant.tenant_id, corpus, words, **asked)
    assert again == first
    assert corpus.common == {"ape": 3, "bee": 2}
    assert first.scores.keys() < later.scores.keys()


async def test_a_large_corpus_is_remembered_for_a_while_and_a_small_one_is_counted(
    database: Database, tenant: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bm25, "LARGE", 2)
    corpora = bm25.Corpora()
    counts = []
    for _ in range(4):
        async with database.transaction(tenant.scope) as session:
            counts.append((await corpora.get(session, tenant.scope, None)).chunks)
            await store(session, tenant, [["ape"]], 1)
    assert counts == [0, 1, 2, 2]


async def test_ranking_is_the_same_with_a_limit_and_with_chosen_documents(
    database: Database, tenant: Principal
) -> None:
    documents = [[["ape"] * n + ["bee"] * (9 - n)] for n in range(10)]
    async with database.transaction(tenant.scope) as session:
        keys = [await store(session, tenant, document, 1) for document in documents]
        corpus = await bm25.corpus(session, tenant.tenant_id, None)
        whole = await bm25.search(
            session, tenant.tenant_id, corpus, [frozenset({"ape"})], limit=100
        )
        best = await bm25.search(
            session,
            tenant.tenant_id,
            corpus,
            [frozenset({"ape"})],
            limit=3,
            also=[chunk_id(keys[1], 0)],
        )
        chosen = await bm25.search(
            session,
            tenant.tenant_id,
            corpus,
            [frozenset({"ape"})],
            limit=100,
            document_ids=keys[4:6],
        )
    top = sorted(whole.scores, key=lambda key: -whole.scores[key])[:3]
    assert set(best.scores) == {*top, (keys[1], 0)}
    assert {key: whole.scores[key] for key in chosen.scores} == chosen.scores
    assert set(chosen.scores) == {(key, 0) for key in keys[4:6]}


def test_terms_are_stemmed_and_stop_words_left_out() -> None:
    assert terms("The invoices were sent", "en") == terms("an invoice is sent", "en")
    assert terms("Die Rechnungen", "de") == terms("der Rechnung", "de") == ["rechnung"]
    assert terms("the THE The", "en") == []
    assert terms("same words", None) == ["same", "words"]
    assert terms("日本語", None) == ["日本", "本語"]
    assert len(terms("x" * 5000, None)[0]) == 64


def test_a_querys_word_stands_for_its_form_in_each_language() -> None:
    assert variants("Rechnungen Rechnungen", ["de", "en"]) == [
        frozenset({"rechnung", "rechnungen"})
    ]
    assert variants("the", ["en"]) == []
    assert variants("die", ["de", "en"]) == [frozenset({"die"})]


def test_a_hit_is_packed_and_unpacked() -> None:
    for ordinal, frequency, length in ((0, 1, 1), (2**31 - 1, 65535, 65535), (7, 3, 150)):
        number = bm25.pack(ordinal, frequency, length)
        assert (number >> 32, number >> 16 & 65535, number & 65535) == (ordinal, frequency, length)
        assert number < 2**63
    assert bm25.pack(1, 10**6, 10**6) == bm25.pack(1, 65535, 65535)
