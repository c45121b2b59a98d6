"""German compounds are cut into their parts, the same way in documents and in queries."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baukasten_core.documents.compounds import Words, parts, split
from baukasten_core.documents.terms import index_terms, terms, variants


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("netzwerkverkehr", ("netz", "werk", "verkehr")),
        ("arbeitszeitgesetz", ("arbeits", "zeit", "gesetz")),
        ("bildverarbeitung", ("bild", "verarbeitung")),
        ("konfigurationsdatei", ("konfiguration", "datei")),
        ("bibliothek", ("bibliothek",)),
        ("multithreading", ("multithreading",)),
        ("haus", ("haus",)),
        ("", ("",)),
    ],
)
def test_a_compound_is_cut_into_words_and_another_word_is_left(
    word: str, expected: tuple[str, ...]
) -> None:
    assert parts(word) == expected


def test_who_looks_for_a_part_finds_the_compound_and_the_other_way_round() -> None:
    assert set(index_terms("Netzwerk", "de")) < set(index_terms("Netzwerkverkehr", "de"))
    assert variants("Netzwerkverkehr", ["de"]) == [
        frozenset({"netz"}),
        frozenset({"werk"}),
        frozenset({"verkehr"}),
    ]


def test_other_languages_and_words_alone_are_not_cut() -> None:
    assert index_terms("handbook network", "en") == terms("handbook network", "en")
    assert terms("Netzwerkverkehr", "de") == ["netzwerkverkehr"]


def test_a_compound_counts_as_a_whole_in_another_language_of_the_collection() -> None:
    assert variants("Datenbank", ["de", "en"]) == [
        frozenset({"dat", "datenbank"}),
        frozenset({"bank"}),
    ]


@given(st.text(alphabet="abcdenrs", max_size=30), st.sets(st.text("abcdenrs", min_size=4)))
def test_parts_stand_in_the_word_in_order(word: str, words: set[str]) -> None:
    found = split(word, words.__contains__)
    at = 0
    for part in found:
        place = word.find(part, at)
        assert place >= at
        at = place + len(part)
    assert at == len(word) or found == (word,)


@given(st.sets(st.text(min_size=1), max_size=50))
def test_known_words_are_known_after_they_were_kept(words: set[str]) -> None:
    words = {word for word in words if word.isprintable()}
    assert all(word in Words.of(words) for word in words)


def test_the_file_of_words_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "there" / "words"
    Words.of(["haus", "boot"]).write(path)
    read = Words.read(path)
    assert [word in read for word in ("haus", "boot", "hausboot")] == [True, True, False]
    assert [found.name for found in path.parent.iterdir()] == ["words"]
