"""Reading sets of questions and answers, and the measures of rankings."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from baukasten_core.errors import BadRequest
from baukasten_core.evaluation.measures import MEASURES
from baukasten_core.evaluation.pairs import Pairs, read_pairs

DOCS = [{"id": name, "title": name, "text": f"about {name}"} for name in "abcde"]
QUERIES = [{"id": name, "query": f"what of {name}"} for name in "abcde"]


def write(folder: Path, docs: Any = DOCS, queries: Any = QUERIES) -> Path:
    path = folder / "pairs.json"
    path.write_text(json.dumps({"docs": docs, "queries": queries}))
    return path


def names(pairs: Pairs) -> str:
    return "".join(query.id for query in pairs.queries)


def test_a_query_is_answered_by_the_document_of_its_id_or_those_it_names(tmp_path: Path) -> None:
    queries = [{"id": 1, "query": "what of it", "relevant": ["a", "b"]}, *QUERIES]
    pairs = read_pairs(write(tmp_path, queries=queries))
    assert [sorted(query.answers) for query in pairs.queries[:2]] == [["a", "b"], ["a"]]


def test_two_halves_are_all_queries_over_the_same_documents(tmp_path: Path) -> None:
    pairs = read_pairs(write(tmp_path))
    odd, even = pairs.half("odd"), pairs.half("even")
    assert (names(odd), names(even), names(pairs.half(None))) == ("ace", "bd", "abcde")
    assert names(odd.first(2)) == "ac"
    assert len(odd.docs) == len(even.docs) == 5


@pytest.mark.parametrize(
    ("docs", "queries", "said"),
    [
        ([], QUERIES, "docs"),
        (DOCS, [], "queries"),
        (DOCS, [{"id": "x", "query": "what of x"}], "`x`, which is no document"),
        (DOCS, [{"id": "a", "query": "what of a", "relevant": []}], "queries.0.relevant"),
        (DOCS, [{"id": "a", "query": "  a  "}], "queries.0.query"),
        ([*DOCS, DOCS[0]], QUERIES, "same id"),
        ([{"id": "a", "text": " "}], QUERIES, "docs.0.text"),
        ([{"id": "a"}], QUERIES, "docs.0.text"),
    ],
)
def test_what_is_wrong_in_a_file_is_named(
    tmp_path: Path, docs: Any, queries: Any, said: str
) -> None:
    with pytest.raises(BadRequest) as caught:
        read_pairs(write(tmp_path, docs, queries))
    assert said in caught.value.detail


def test_what_is_no_json_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "pairs.json"
    path.write_text("id,query\n")
    with pytest.raises(BadRequest, match="JSON"):
        read_pairs(path)


@pytest.mark.parametrize(
    ("ranking", "relevant", "expected"),
    [
        ("axxxxxxxxx", "a", (1, 1, 1, 1, 1)),
        ("xxaxxxxxxx", "a", (0, 1, 1, 1 / 3, 1 / 2)),
        ("xxxxxxxxxa", "a", (0, 0, 1, 1 / 10, 1 / math.log2(11))),
        ("xxxxxxxxxxa", "a", (0, 0, 0, 0, 0)),
        ("", "a", (0, 0, 0, 0, 0)),
        ("bxa", "ab", (0.5, 1, 1, 1, (1 + 1 / 2) / (1 + 1 / math.log2(3)))),
        ("xb", "abcd", (0, 0.25, 0.25, 1 / 2, None)),
    ],
)
def test_measures_are_what_their_names_say(
    ranking: str, relevant: str, expected: tuple[float | None, ...]
) -> None:
    places = [f"x{place}" if name == "x" else name for place, name in enumerate(ranking)]
    found = [value(places, frozenset(relevant)) for value in MEASURES.values()]
    for value, wanted in zip(found, expected, strict=True):
        assert wanted is None or value == pytest.approx(wanted)


def test_a_ranking_of_every_answer_first_is_perfect_however_many_there_are() -> None:
    answers = [str(number) for number in range(15)]
    gain = MEASURES["nDCG@10"]
    assert gain(answers, frozenset(answers)) == pytest.approx(1)
