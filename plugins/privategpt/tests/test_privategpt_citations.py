"""Citations quote the sentence that an answer rests on, and say whether it is there."""

from __future__ import annotations

from uuid import UUID, uuid4

from baukasten_privategpt.citations import citations, unknown_numbers
from baukasten_privategpt.packing import pack
from baukasten_privategpt.prompting import fence
from hypothesis import given
from hypothesis import strategies as st

from baukasten_core.api import Message, Passage, count_tokens

TEXT = (
    "Pumps are cleaned in spring. The filter is changed every six weeks. "
    "Nobody may open the lid.\nOil is checked on Mondays."
)
DOCUMENT = uuid4()


def passage(text: str = TEXT, start: int = 0, document: UUID = DOCUMENT) -> Passage:
    return Passage(uuid4(), document, "Pumps", text, start, start + len(text), 2, 0.8)


def test_the_quote_is_the_sentence_that_is_nearest_to_the_statement() -> None:
    answer = "The oil is looked at each Monday [1]. Filters change after six weeks [2]."
    found = citations(answer, [passage(), passage()], {DOCUMENT: TEXT}, "en")
    assert [citation.quote for citation in found] == [
        "Oil is checked on Mondays.",
        "The filter is changed every six weeks.",
    ]
    for citation in found:
        assert citation.verified
        assert TEXT[citation.start : citation.end] == citation.quote


def test_words_that_the_answer_quotes_are_the_quote() -> None:
    answer = "Nobody may open the lid. Oil is checked on Mondays. [1]"
    (found,) = citations(answer, [passage()], {DOCUMENT: TEXT}, "en")
    assert found.quote == "Nobody may open the lid.\nOil is checked on Mondays."


def test_a_document_that_has_changed_meanwhile_leaves_the_citation_unverified() -> None:
    for texts in ({}, {DOCUMENT: "Something else."}):
        (found,) = citations("Six weeks [1].", [passage()], texts, "en")
        assert not found.verified


def test_numbers_without_a_source_are_no_citations_and_are_named() -> None:
    answer = "One [0], two [2] and a year [2024], again [2]."
    assert citations(answer, [passage()], {DOCUMENT: TEXT}, "en") == []
    assert unknown_numbers(answer, [passage()]) == [0, 2]


WORDS = st.sampled_from([*TEXT.split(" "), "[1]", "[2]", "[3]", "\n", "."])
LINES = st.lists(WORDS, max_size=40).map(" ".join)


@given(LINES, st.lists(LINES | st.text(max_size=80), min_size=1, max_size=3), st.integers(0, 20))
def test_whatever_is_said_a_verified_quote_stands_where_it_says(
    answer: str, texts: list[str], shift: int
) -> None:
    whole = "x" * shift + "".join(texts)
    starts = [shift + len("".join(texts[:i])) for i in range(len(texts))]
    passages = [passage(text, start) for text, start in zip(texts, starts, strict=True)]
    for citation in citations(answer, passages, {DOCUMENT: whole}, "en"):
        assert citation.verified == (citation.quote.strip() != "")
        if citation.verified:
            there = whole[citation.start : citation.end]
            one, other = (text.replace("\u00ad", "").split() for text in (there, citation.quote))
            assert one == other


@given(st.text(max_size=200))
def test_a_source_can_not_fake_its_own_end(text: str) -> None:
    fenced = fence(1, passage(text))
    first, *_, last = fenced.splitlines()
    mark = first.removeprefix("<<<source [1] ").removesuffix(">>>")
    assert last == f"<<<end of source {mark}>>>"
    assert fenced.count(mark) == 2


LONG = st.integers(0, 4000)


@given(st.lists(LONG, max_size=8), st.lists(LONG, max_size=10), st.integers(300, 8000))
def test_what_a_model_is_given_fits_and_keeps_its_order(
    lengths: list[int], said: list[int], room: int
) -> None:
    passages = [passage("One sentence is here. " * (1 + length // 22)) for length in lengths]
    history = [Message("user", "x" * length) for length in said]
    kept, turns = pack(passages, history, room)
    given = [fence(number, one) for number, one in enumerate(kept, start=1)]
    assert sum(map(count_tokens, [*given, *(turn.content for turn in turns)])) <= room
    assert turns == history[len(history) - len(turns) :], "the last whole turns"
    order = [passages.index(one) for one in kept if one in passages]
    assert order == sorted(order)
    assert bool(kept) == bool(passages), "the best passage is always there"


def test_a_passage_that_is_too_long_alone_is_cut_after_a_sentence_and_still_cited() -> None:
    text = "The filter is changed every six weeks. " * 400
    (kept,), _ = pack([passage(text)], [], 300)
    assert kept.text.rstrip().endswith("weeks.")
    (found,) = citations("Six weeks [1].", [kept], {DOCUMENT: text}, "en")
    assert found.verified
