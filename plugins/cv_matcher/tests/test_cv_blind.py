"""Blind mode masks what it says it masks, and its offsets lead back."""

from __future__ import annotations

import pytest
from baukasten_cv_matcher.blind import mask, original_span, text_transform
from hypothesis import given
from hypothesis import strategies as st

CV = """Lebenslauf
Adela Musterfrau-Beispiel
Hafenstraße 12 b, 20459 Hamburg
Tel.: +49 40 555 0100 | adela.musterfrau@example.org | www.example.org/adela
Geburtsdatum: 01.02.1990
Staatsangehörigkeit: deutsch

03/2015 - 12/2021 Ingenieurin bei Wasserwerk, Projektnummer 2015-2021
Frau Musterfrau leitete die Einführung von Python 3.11.
"""


@pytest.mark.parametrize(
    "secret",
    ["Adela", "Musterfrau", "Hafenstraße", "20459", "0100", "example.org", "01.02", "deutsch"],
)
def test_what_identifies_is_gone(secret: str) -> None:
    assert secret not in mask(CV).text


@pytest.mark.parametrize(
    "kept", ["03/2015 - 12/2021", "Ingenieurin bei Wasserwerk", "Python 3.11", "2015-2021"]
)
def test_what_is_needed_stays(kept: str) -> None:
    assert kept in mask(CV).text


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("Name: Zoe Example\nZoe likes Go.", "Name: [name]\n[name] likes Go."),
        ("MARIA EJEMPLO\nMaria Ejemplo, SQL", "[name] [name]\n[name] [name], SQL"),
        ("12 Harbour Street\nSQL", "[address]\nSQL"),
        ("Calle Mayor, 12\n28013 Madrid\nSQL", "[address]\n[address]\nSQL"),
        ("Fecha de nacimiento: 1 de mayo de 1990", "Fecha de nacimiento: [personal]"),
        ("ISO 27001 Lead, 2015 - 2021, 10000 users", "ISO 27001 Lead, 2015 - 2021, 10000 users"),
        ("Senior Software Engineer\nSQL", "Senior Software Engineer\nSQL"),
    ],
)
def test_labels_lines_and_addresses_in_three_languages(text: str, masked: str) -> None:
    assert mask(text).text == masked


@given(st.lists(st.sampled_from([*CV.split(" "), "\n", "@", "Name:"]), max_size=40).map(" ".join))
def test_every_character_knows_where_it_came_from(text: str) -> None:
    shown = mask(text)
    assert len(shown.offsets) == len(shown.text)
    assert list(shown.offsets) == sorted(shown.offsets)
    for index, character in enumerate(shown.text):
        start, end = original_span(shown, index, index + 1)
        assert 0 <= start < end <= len(text)
        if "[" not in shown.text and "]" not in shown.text:
            assert text[start] == character


def test_a_project_that_is_not_blind_keeps_its_text() -> None:
    shown = text_transform(CV, {"blind": False})
    assert shown.text == CV
    assert original_span(shown, 3, 9) == (3, 9)
