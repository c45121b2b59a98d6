"""Answers in a form: they fit the schema, or there is an error that says what does not."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baukasten_core.contracts.gateway import Answer, GatewayCall, collect
from baukasten_core.contracts.llm import GenerateRequest, Message
from baukasten_core.contracts.provider import Provider
from baukasten_core.errors import BadRequest, InvalidOutput
from baukasten_core.gateway import Gateway, build_instances
from baukasten_core.gateway.forms import json_part
from baukasten_core.testing.fakes import FakeLLM

SCHEMA = {
    "type": "object",
    "properties": {"age": {"type": "integer"}, "name": {"type": "string"}},
    "required": ["age"],
}
FITS = '{"age": 7}'
SECRET = "canary-in-an-answer"


class Says:
    """A gateway to somebody who answers these texts, one after the other."""

    def __init__(self, *answers: str) -> None:
        self._answers = list(answers)
        self.llm = FakeLLM(lambda _: self._answers.pop(0))
        providers = {"fake": Provider("fake", build=lambda _: self.llm)}
        self.gateway = Gateway(build_instances(providers, {"fake": {}}), ["fake"])

    async def ask(self, schema: Any = SCHEMA, **changes: Any) -> Answer:
        request = GenerateRequest("", (Message("user", "How old?"),), **changes)
        asked = GatewayCall(
            GenerateRequest("", request.messages, response_schema=schema, **changes)
        )
        return await collect(self.gateway.generate(asked))

    @property
    def asked(self) -> list[Sequence[Message]]:
        return [request.messages for request in self.llm.requests]


@pytest.mark.parametrize(
    "answer", [FITS, f"Here it is:\n```json\n{FITS}\n```", f"  {FITS} I hope that helps."]
)
async def test_json_that_fits_comes_alone(answer: str) -> None:
    says = Says(answer)
    assert (await says.ask()).text == FITS
    assert len(says.asked) == 1


@pytest.mark.parametrize("first", ["I don't know.", '{"age": "seven"}', "{}", '{"age": '])
async def test_what_does_not_fit_is_asked_for_again_with_the_reason(first: str) -> None:
    says = Says(first, FITS)
    assert (await says.ask()).text == FITS
    question, answered, again = says.asked[1]
    assert (question.content, answered.role) == ("How old?", "assistant")
    assert again.content.startswith("That does not fit: ")


async def test_a_second_misfit_is_an_error_that_says_what_does_not_fit_and_repeats_nothing() -> (
    None
):
    wrong = json.dumps({"age": SECRET})
    says = Says(wrong, wrong, FITS)
    with pytest.raises(InvalidOutput, match=r"age: the value is not of type .integer.") as caught:
        await says.ask()
    assert SECRET not in str(caught.value.problem())
    assert len(says.asked) == 2


async def test_an_answer_that_was_cut_off_says_so() -> None:
    with pytest.raises(InvalidOutput, match="max_tokens"):
        await Says('{"age": 7, "name": "a b c"}', '{"age": 7, "name": "a b c"}').ask(max_tokens=2)


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "nothing"},
        {"pattern": "("},
        {"$ref": "#/$defs/absent"},
        {"$ref": "http://127.0.0.1:9/schema"},
        {"$ref": "file:///etc/hostname"},
        {"$schema": "http://127.0.0.1:9/schema"},
    ],
)
async def test_a_schema_that_is_none_is_refused_and_nothing_is_fetched_or_asked(
    schema: Any,
) -> None:
    says = Says(FITS)
    with pytest.raises(BadRequest, match="schema"):
        await says.ask(schema)
    assert not says.asked


async def test_a_pattern_that_would_take_for_ever_does_not() -> None:
    says = Says(*[json.dumps("a" * 5_000 + "!")] * 2)
    with pytest.raises(InvalidOutput):
        await says.ask({"pattern": "^(a+)+b\\1$"})


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    ).filter(lambda value: isinstance(value, list | dict)),
    st.text(st.characters(exclude_characters="{}[]")),
    st.text(st.characters(exclude_characters="{}[]")),
)
def test_json_is_found_among_words(value: Any, before: str, after: str) -> None:
    assert json.loads(json_part(f"{before}{json.dumps(value)}{after}")) == value
