"""Sentences of a text, with offsets."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baukasten_core.evidence.sentences import sentences


def cut(text: str) -> list[str]:
    return [span.of(text) for span in sentences(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One is here. Two is there! Three?", ["One is here.", "Two is there!", "Three?"]),
        ("Das gilt z. B. für Pumpen. Sonst nicht.", ["Das gilt z. B. für Pumpen.", "Sonst nicht."]),
        ("Am 3. Mai kam Dr. Beispiel. Er blieb.", ["Am 3. Mai kam Dr. Beispiel.", "Er blieb."]),
        ("¿Cuándo abre? Abre el lunes.", ["¿Cuándo abre?", "Abre el lunes."]),
        ("Skills\nPython\n- SQL\n- Docker", ["Skills", "Python", "- SQL", "- Docker"]),
        (
            "A line that was wrapped because the page is not any wider than\nThis goes on here.",
            ["A line that was wrapped because the page is not any wider than\nThis goes on here."],
        ),
        (
            "It was wrapped before it came to\na small letter",
            ["It was wrapped before it came to\na small letter"],
        ),
        ("Skills\npython", ["Skills", "python"]),
        ("First block\n\nsecond block", ["First block", "second block"]),
        (
            "2015 - 2021 worked on pumps in a waterworks near the coast\nLanguages: Danish",
            ["2015 - 2021 worked on pumps in a waterworks near the coast", "Languages: Danish"],
        ),
        ("", []),
        (" \n \n", []),
    ],
)
def test_a_text_is_cut_where_a_reader_would_cut_it(text: str, expected: list[str]) -> None:
    assert cut(text) == expected


@given(st.text(alphabet=st.sampled_from("aB é.?!\n-• 1"), max_size=200) | st.text(max_size=200))
def test_every_visible_character_is_in_exactly_one_sentence_in_order(text: str) -> None:
    spans = list(sentences(text))
    covered = "".join(span.of(text) for span in spans)
    assert "".join(covered.split()) == "".join(text.split())
    assert all(a.end <= b.start for a, b in pairwise(spans))
    assert all(span.of(text) == span.of(text).strip() != "" for span in spans)
