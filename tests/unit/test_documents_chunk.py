"""Chunks: exact offsets, nothing lost, never too long, cut at sensible borders."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from baukasten_core.documents.chunk import Chunk, chunk, split
from baukasten_core.documents.text import join_pages, normalize

LATIN = ["word", "Ein Satz. ", "Zwei! ", "\n", "\n\n", " ", "\t", "x" * 50, "\u00a0", "\u2003"]
OTHERS = ["שלום עולם. ", "مرحبا بالعالم، ", "日本語の文。", "\u200b", "\u202e", "𝒳", "ﬁ"]
CLUSTERS = ["e\u0301\u0302\u0323", "👨‍👩‍👧‍👦", "👍🏽", "🇩🇪"]
PIECES = st.sampled_from([*LATIN, *OTHERS, *CLUSTERS])
TEXTS = st.one_of(
    st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=400),
    st.lists(PIECES, max_size=120).map("".join),
)


def assert_chunks_of(text: str, chunks: list[Chunk], most: int) -> None:
    at = 0
    for piece in chunks:
        assert text[piece.start : piece.end] == piece.text
        assert 0 < len(piece.text) <= most
        assert piece.text == piece.text.strip()
        assert text[at : piece.start].strip() == "", "text was left out"
        at = piece.end
    assert text[at:].strip() == "", "text was left out at the end"


@settings(max_examples=300, deadline=None)
@given(TEXTS, st.integers(10, 200))
@example("a\u0301" * 300, 10)
@example("\u0301" * 100, 10)
def test_chunks_are_exact_slices_that_cover_the_text(text: str, most: int) -> None:
    text = normalize(text)
    assert_chunks_of(text, split(text, max_characters=most), most)


@pytest.mark.parametrize(
    "unit",
    [
        "x",
        "👨‍👩‍👧‍👦",
        "e\u0301\u0302",
        "שלום עולם. ",
        "a ",
        "日本語の文章です。",
        ". ",
        "word and word ",
    ],
    ids=["letters", "families", "marks", "rtl", "pairs", "japanese", "dots", "words"],
)
def test_a_line_of_a_megabyte_is_cut_too(unit: str) -> None:
    text = normalize(unit * (1_000_000 // len(unit)))
    assert_chunks_of(text, split(text), 900)


def test_no_character_of_several_code_points_comes_apart() -> None:
    family = "👨‍👩‍👧‍👦"
    for piece in split(family * 5000, max_characters=100):
        assert piece.text.replace(family, "") == ""


def test_chunks_end_at_sentences() -> None:
    sentences = [
        f"This is sentence number {n} of the text, and it is complete." for n in range(500)
    ]
    for piece in split(" ".join(sentences)):
        assert piece.text.startswith("This is")
        assert piece.text.endswith("complete.")


def test_chunks_end_at_paragraphs_where_these_fit() -> None:
    paragraphs = [f"Paragraph {n}. " + "It goes on for a while. " * 25 for n in range(100)]
    text = normalize("\n\n".join(part.strip() for part in paragraphs))
    chunks = split(text)
    assert len(chunks) == 100
    assert all(piece.text.startswith("Paragraph ") for piece in chunks)


def test_each_chunk_knows_its_page() -> None:
    text, pages = join_pages([f"Page {n}. " + "Some words here. " * 40 for n in range(1, 8)])
    for piece in split(text, pages=pages):
        if piece.text.startswith("Page "):
            assert piece.page == int(piece.text[5])
    assert {piece.page for piece in split(text, pages=pages)} == set(range(1, 8))


async def test_nothing_comes_of_white_space() -> None:
    assert await chunk("") == []
    assert await chunk(" \n\n \t\u00a0" * 100_000) == []
