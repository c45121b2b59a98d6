"""A chapter in the entry's own words, titles, and what is listed as unverified."""

from __future__ import annotations

from datetime import date
from string import ascii_letters

import pytest
from baukasten_tellmelife.facts import unverified
from baukasten_tellmelife.own_words import LONG, TITLE, paragraphs, title_of
from baukasten_tellmelife.pages import breakable
from baukasten_tellmelife.texts import LANGUAGES, MESSAGES, PROMPTS, written_date
from hypothesis import given
from hypothesis import strategies as st

DAY = date(1962, 3, 3)


@given(st.text(st.sampled_from(ascii_letters + " .!?,\n\t-äßñ«»\"'")))
def test_no_word_is_added_lost_changed_or_moved(text: str) -> None:
    assert " ".join(paragraphs(text)).split() == text.split()


@given(st.text())
def test_whatever_the_text_paragraphs_are_never_empty(text: str) -> None:
    assert all(part.strip() for part in paragraphs(text))


def test_wrapped_lines_are_joined_and_verses_keep_theirs() -> None:
    wrapped = "This line was wrapped by an editor at its sixtieth column or\nthereabouts."
    assert paragraphs(wrapped) == [wrapped.replace("\n", " ")]
    assert paragraphs("Short line\nand another\n\nNext") == ["Short line\nand another", "Next"]


def test_an_endless_paragraph_is_divided_between_sentences() -> None:
    text = " ".join(f"This is sentence number {n} of a long story." for n in range(100))
    parts = paragraphs(text)
    assert len(parts) > 3
    assert all(part.endswith(".") and len(part) < LONG * 1.5 for part in parts)


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("A day at the lake. We rowed.", "A day at the lake"),
        ("Where did it go? Nobody knew.", "Where did it go?"),
        (
            "On the way back the children slept in the car, while outside the fields went by and "
            "the sky was red.",
            "On the way back the children slept in the car …",
        ),
        ("...", "3 March 1962"),
        ("x" * 300, "x" * TITLE + " …"),
    ],
)
def test_a_title_is_made_of_the_text_or_the_date(text: str, title: str) -> None:
    assert title_of(text, DAY, "en") == title


@pytest.mark.parametrize(
    ("language", "entry", "chapter", "found"),
    [
        ("en", "We met at the lake.", "We met Anna at the lake in Hamburg.", ["Anna", "Hamburg"]),
        ("en", "We met 12 people.", "We met 13 people.", ["13"]),
        ("en", "We met 12 people.", "We met twelve people.", []),
        ("en", "It was cold.", "It was cold on 3 March 1962, a Saturday.", []),
        ("en", "It was cold.", "It was cold in June 1961.", ["1961", "June"]),
        ("en", "It cost 1,200.", "It cost 1200.", []),
        ("en", "It was cold.", "I may say it was cold. Then We slept.", []),
        ("de", "Wir trafen Anna.", "Am Morgen trafen wir Anna in der Stadt.", []),
        ("de", "Wir waren dort.", "Wir waren mit Peter in Hamburg.", ["Peter", "Hamburg"]),
        ("de", "Wir waren drei.", "Wir waren 3, nicht vier.", ["vier"]),
        ("de", "Der Hamburger Hafen.", "Wir sahen Hamburg.", []),
        ("es", "Llovió.", "Llovió en Madrid el 5 de mayo.", ["5", "mayo", "Madrid"]),
    ],
)
def test_names_dates_and_numbers_that_the_entry_lacks_are_listed(
    language: str, entry: str, chapter: str, found: list[str]
) -> None:
    assert unverified(chapter, entry, DAY, language) == found


@given(st.text(st.sampled_from(ascii_letters + " .0123456789äß-:/\n")), st.sampled_from(LANGUAGES))
def test_a_text_that_is_its_own_source_has_nothing_unverified(text: str, language: str) -> None:
    assert unverified(text, text, DAY, language) == []


def test_dates_are_written_as_each_language_does() -> None:
    written = [written_date(language, DAY) for language in LANGUAGES]
    assert written == ["3. März 1962", "3 March 1962", "3 de marzo de 1962"]


def test_every_text_and_prompt_is_there_in_every_language() -> None:
    assert set(MESSAGES.languages) == set(PROMPTS.languages) == set(LANGUAGES)
    assert MESSAGES.faults() == []
    assert PROMPTS.faults() == []


def test_long_addresses_can_be_broken_and_long_words_are_left_to_hyphenation() -> None:
    word = "Donaudampfschifffahrtsgesellschaftskapitän"
    address = "https://example.test/" + "path/" * 20
    assert breakable(f"{word} short") == f"{word} short"
    assert breakable(address) != address
    assert breakable(address).replace("\u200b", "") == address
