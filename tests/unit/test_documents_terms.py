"""What counts as a word."""

from __future__ import annotations

import string

from hypothesis import given
from hypothesis import strategies as st

from baukasten_core.documents.terms import words_of


@given(st.text(alphabet=string.printable + "\x00\x7f"))
def test_a_text_has_the_same_words_whether_or_not_letters_of_another_alphabet_follow(
    text: str,
) -> None:
    assert [*words_of(text), "ä"] == words_of(f"{text} Ä")


def test_words_are_lower_case_letters_and_digits() -> None:
    assert words_of("It's re_named: LibreOffice-7.4, Übergröße!") == [
        *("it", "s", "re", "named", "libreoffice", "7", "4", "übergröße"),
    ]


def test_where_no_spaces_are_written_overlapping_pairs_are_words() -> None:
    assert words_of("日本語 text 字") == ["日本", "本語", "text", "字"]
