"""What is quoted from sources when there is no language model."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baukasten_core.contracts.llm import Finished, GenerateRequest, Message, Source, TextDelta, Tool
from baukasten_core.errors import ModelNotFound, ProviderUnavailable
from baukasten_core.providers.llm.extractive import (
    Extractive,
    ExtractiveConfig,
    question_of,
    quote,
)

HANDBOOK = Source(
    "Invoices are sent on the first working day of the month. The pump must be switched off "
    "before its filter is changed.\n\nBread rises because yeast turns sugar into carbon dioxide."
)
ATLAS = Source("Glaciers carve valleys with round floors. Rivers carve valleys with sharp ones.")


def said(question: str, *sources: Source) -> list[tuple[str, int]]:
    return [(item.text, item.source) for item in quote(question, sources)]


@pytest.mark.parametrize(
    ("question", "start", "source"),
    [
        ("When are invoices sent?", "Invoices are sent", 1),
        ("What has to happen before the filters are changed?", "The pump must be", 1),
        ("Why does bread rise?", "Bread rises", 1),
        ("What do glaciers do?", "Glaciers carve", 2),
    ],
)
def test_the_sentence_that_fits_comes_first(question: str, start: str, source: int) -> None:
    text, number = said(question, HANDBOOK, ATLAS)[0]
    assert text.startswith(start)
    assert number == source


def test_words_are_stemmed_in_the_sources_language() -> None:
    source = Source(
        "Rechnungen werden am ersten Werktag des Monats verschickt. Die Pumpe ist auszuschalten."
    )
    assert said("Wann wird eine Rechnung verschickt?", source)[0][0].startswith("Rechnungen")
    source = Source("Las facturas se envían el primer día del mes. El pan sube por la levadura.")
    assert said("¿Cuándo se envía la factura?", source)[0][0].startswith("Las facturas")


def test_nothing_is_quoted_where_nothing_fits() -> None:
    assert said("Who wrote the opera?", HANDBOOK, ATLAS) == []
    assert said("", HANDBOOK) == []
    assert said("the of and", HANDBOOK) == []


def test_a_sentence_that_stands_twice_is_quoted_once() -> None:
    assert len(said("When are invoices sent?", HANDBOOK, HANDBOOK)) == 1


@given(
    st.text(max_size=80),
    st.lists(st.text("Ab c.!?\n\u00e4\u200b", max_size=120).map(Source), min_size=1, max_size=4),
)
def test_every_quote_stands_in_its_source_word_for_word(
    question: str, sources: list[Source]
) -> None:
    for item in quote(question, sources):
        whole = " ".join(sources[item.source - 1].text.split())
        assert item.text in whole


def request(**changes: Any) -> GenerateRequest:
    fields: dict[str, Any] = {
        "model": "extractive",
        "messages": (Message("user", f"[1] {HANDBOOK.text}\n\nWhen are invoices sent?"),),
        "sources": (HANDBOOK, ATLAS),
    }
    return GenerateRequest(**{**fields, **changes})


async def answer(asked: GenerateRequest) -> tuple[str, Finished]:
    events = [event async for event in Extractive(ExtractiveConfig()).generate(asked)]
    end = events.pop()
    assert isinstance(end, Finished)
    return "".join(event.text for event in events if isinstance(event, TextDelta)), end


async def test_sentences_are_cited_by_their_sources_number() -> None:
    text, end = await answer(request())
    assert text == "Invoices are sent on the first working day of the month. [1]"
    assert (end.model, end.reason, end.usage.estimated) == ("extractive", "stop", True)


async def test_the_bare_question_goes_before_the_prompt() -> None:
    text, _ = await answer(request(question="What do glaciers carve?"))
    assert text.startswith("Glaciers carve valleys with round floors. [2]")


async def test_an_answer_that_finds_nothing_is_empty() -> None:
    text, end = await answer(request(question="Who wrote the opera?"))
    assert (text, end.reason) == ("", "stop")


async def test_an_answer_keeps_to_its_limit() -> None:
    text, end = await answer(request(question="carve valleys floors", max_tokens=15))
    assert (text, end.reason) == ("Glaciers carve valleys with round floors. [2]", "length")


def test_the_question_is_found_in_the_prompt() -> None:
    assert question_of(request()) == "When are invoices sent?"
    told = request(messages=(Message("user", "Summarise the handbook"),))
    assert question_of(told) == "Summarise the handbook"


@pytest.mark.parametrize(
    "changes",
    [
        {"sources": ()},
        {"response_schema": {"type": "object"}},
        {"tools": (Tool("go", "", {}),)},
    ],
)
async def test_what_needs_a_model_says_how_to_add_one(changes: dict[str, Any]) -> None:
    with pytest.raises(ProviderUnavailable) as error:
        await answer(request(**changes))
    assert "ollama pull" in (error.value.hint or "")


async def test_it_is_no_other_model() -> None:
    with pytest.raises(ModelNotFound):
        await answer(request(model="large"))
