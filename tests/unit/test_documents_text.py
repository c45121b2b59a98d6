"""Text is normalised once, and what comes out is what PostgreSQL takes."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baukasten_core.documents.text import Extracted, join_pages, normalize, page_at

ANYTHING = st.text(alphabet=st.characters())  # lone surrogates and controls included


@settings(max_examples=400, deadline=None)
@given(ANYTHING)
def test_normalised_text_is_valid_and_stays_as_it_is(text: str) -> None:
    once = normalize(text)
    once.encode("utf-8")
    assert not {"\x00", "\r"} & set(once)
    assert unicodedata.is_normalized("NFC", once)
    assert normalize(once) == once


@settings(max_examples=200, deadline=None)
@given(st.lists(ANYTHING, max_size=8))
def test_pages_begin_where_their_offsets_say(pages: list[str]) -> None:
    text, starts = join_pages(pages)
    assert len(starts) == len(pages)
    assert normalize(text) == text
    for number, (page, start) in enumerate(zip(pages, starts, strict=True), 1):
        own = normalize(page).strip("\n")
        assert text[start : start + len(own)] == own
        if own:
            assert page_at(starts, start) == number
            assert page_at(starts, start + len(own) - 1) == number


@pytest.mark.parametrize(
    ("raw", "stored"),
    [
        ("a\x00b", "ab"),
        ("a\ud800b", "a\ufffdb"),
        ("a\r\nb\rc\x0cd\u2028e", "a\nb\nc\nd\ne"),
        ("e\u0301", "\u00e9"),
        ("Donau\u00addampf\u00ad\nschiff", "Donaudampfschiff"),
        ("\ufeffa\x1bb\x85c", "ab\nc"),
        ("tab\tstays", "tab\tstays"),
    ],
)
def test_what_becomes_of_odd_characters(raw: str, stored: str) -> None:
    assert normalize(raw) == stored


def test_a_document_without_pages_has_no_page_numbers() -> None:
    assert Extracted("text", "text/plain").page_at(0) is None
    assert Extracted("a\n\nb", "application/pdf", (0, 3)).page_at(3) == 2
