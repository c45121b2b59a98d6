"""Answers in JSON from a language model: asked again once when they do not fit, never guessed."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any, TypeVar

from pydantic import ValidationError

from baukasten_core.api import Answer, InvalidOutput, Kit, Message

T = TypeVar("T")


async def ask(
    kit: Kit,
    messages: Sequence[Message],
    *,
    schema: Mapping[str, Any],
    read: Callable[[str], T],
    **options: Any,
) -> tuple[T, Answer]:
    """The model's answer as `read` understands it, and the answer itself.

    Args:
        read: turns JSON text into a value; raises ValueError (pydantic's errors are some) with a
            sentence that tells the model what is wrong.
        options: as for `kit.generate`.

    Raises:
        InvalidOutput: the second answer does not fit either.
        whatever `kit.generate` raises.
    """
    turns = list(messages)
    for _ in range(2):
        answer = await kit.generate(turns, response_schema=schema, temperature=0.0, **options)
        try:
            return read(json_part(answer.text)), answer
        except ValueError as error:
            fault = _fault(error)
        turns = [*messages, Message("assistant", answer.text), Message("user", _again(fault))]
    raise InvalidOutput(
        f"The model `{answer.routed.model}` answered twice in a form that can't be used: {fault}.",
        hint="Try again, or choose another model.",
    )


def json_part(text: str) -> str:
    """The JSON object in an answer that may be wrapped in words or a code fence."""
    start, end = text.find("{"), text.rfind("}")
    if start < 0 or end < start:
        raise ValueError("it has no JSON object")
    return text[start : end + 1]


def fence(label: str, text: str) -> str:
    """`text` between markers that it can't contain, so that its end can't be faked."""
    mark = secrets.token_hex(6)
    while mark in text:
        mark = secrets.token_hex(6)
    return f"<<<{label} {mark}>>>\n{text}\n<<<end of {label} {mark}>>>"


@cache
def prompt(name: str) -> str:
    """A file of `prompts/`."""
    return files("baukasten_cv_matcher").joinpath("prompts", f"{name}.md").read_text("utf-8")


def _again(fault: str) -> str:
    return f"That answer can't be used: {fault}. Answer again, with the JSON object alone."


def _fault(error: ValueError) -> str:
    """What is wrong, without repeating the answer: it may be about a person."""
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors(include_input=False, include_url=False)[0]
    if first["type"] == "json_invalid":
        return "it is not valid JSON"
    if first["type"] == "value_error":
        return str(first["msg"]).removeprefix("Value error, ")
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
