"""Answers in a form that was asked for: JSON that fits a schema, or an error that says why not."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

import jsonschema_rs

from baukasten_core.contracts.gateway import Answer, GatewayCall
from baukasten_core.contracts.llm import Message
from baukasten_core.errors import BadRequest, InvalidOutput

Ask = Callable[[GatewayCall], Awaitable[Answer]]

BACKTRACKS = 100_000
"""After which a pattern counts as not matching: schemas come from outside."""


class Misfit(Exception):
    """An answer does not fit; the message says why, without repeating it."""


class Form:
    """A JSON schema, compiled. Nothing that it refers to is fetched.

    Raises `BadRequest` when it is none.
    """

    def __init__(self, schema: Mapping[str, Any]) -> None:
        try:
            self._validator = jsonschema_rs.validator_for(
                dict(schema),
                mask="the value",
                retriever=_nothing_is_fetched,
                pattern_options=jsonschema_rs.FancyRegexOptions(backtrack_limit=BACKTRACKS),
            )
        except ValueError as error:
            reason = str(error).split("\n", 1)[0][:300]
            raise BadRequest(f"The schema for the answer is none: {reason}") from None

    def read(self, answer: Answer) -> str:
        """The JSON text alone. Raises `Misfit`."""
        text = json_part(answer.text)
        try:
            value = json.loads(text)
        except ValueError:
            if answer.finished.reason == "length":
                raise Misfit("it was cut off; allow more `max_tokens`") from None
            raise Misfit("it is no JSON") from None
        for error in self._validator.iter_errors(value):
            place = ".".join(map(str, error.instance_path)) or "the answer"
            raise Misfit(f"{place}: {error.message}")
        return text


def json_part(text: str) -> str:
    """What may be JSON in an answer that is wrapped in words or a code fence; else all of it."""
    starts = [at for at in (text.find("{"), text.find("[")) if at >= 0]
    ends = max(text.rfind("}"), text.rfind("]"))
    return text[min(starts) : ends + 1] if starts and ends > min(starts) else text.strip()


async def formed(call: GatewayCall, form: Form, name: str, ask: Ask) -> Answer:
    """An answer that fits; one that does not is asked for again once.

    Args:
        name: of who answers, for the error.

    Raises:
        InvalidOutput: the second does not fit either. Nothing is made up instead.
        whatever `ask` raises.
    """
    answer = await ask(call)
    try:
        return _fitting(answer, form)
    except Misfit as misfit:
        answer = await ask(_again(call, answer, misfit))
    try:
        return _fitting(answer, form)
    except Misfit as still:
        raise InvalidOutput(
            f"`{name}` answered twice, but not in the form that was asked for: {still}.",
            hint="Ask again, or choose another model.",
        ) from None


def _fitting(answer: Answer, form: Form) -> Answer:
    """The answer, its text the JSON alone. With a call of a tool it has no form yet."""
    return answer if answer.tool_calls else replace(answer, text=form.read(answer))


def _again(call: GatewayCall, answer: Answer, misfit: Misfit) -> GatewayCall:
    """The call with the answer that did not fit, and why."""
    said = (
        Message("assistant", answer.text),
        Message("user", f"That does not fit: {misfit}. Answer again, with the right JSON alone."),
    )
    request = replace(call.request, messages=(*call.request.messages, *said))
    return replace(call, request=request)


def _nothing_is_fetched(uri: str) -> Any:
    raise ValueError("it is elsewhere, and nothing is fetched")
