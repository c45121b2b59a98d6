"""What a model is asked: the instructions are files in `prompts/`, documents are fenced data."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from functools import cache
from importlib.resources import files

from baukasten_core.api import Language, Message, Passage, Source
from baukasten_privategpt.texts import NAMES, not_found


@cache
def prompt(name: str) -> str:
    """A file of `prompts/`."""
    return files("baukasten_privategpt").joinpath("prompts", f"{name}.md").read_text("utf-8")


def answer_messages(
    question: str, passages: Sequence[Passage], history: Sequence[Message], language: Language
) -> list[Message]:
    """The sources and the question, after what was said before."""
    system = instructions(language)
    fenced = "\n\n".join(fence(n, passage) for n, passage in enumerate(passages, start=1))
    turn = f"{fenced}\n\nQuestion: {question}"
    return [Message("system", system), *history, Message("user", turn)]


def instructions(language: Language) -> str:
    """What the model is told before anything else."""
    return prompt("answer").format(language=NAMES[language], not_found=not_found(language))


def condense_messages(question: str, history: Sequence[Message]) -> list[Message]:
    """The conversation, to be turned into one question."""
    said = "\n".join(f"{turn.role}: {turn.content}" for turn in history)
    turn = f"Conversation:\n{said}\n\nLast message:\nuser: {question}"
    return [Message("system", prompt("condense")), Message("user", turn)]


def sources(passages: Sequence[Passage]) -> list[Source]:
    """The passages as sources, numbered as in the messages."""
    return [Source(item.text, title=item.title, id=str(item.chunk_id)) for item in passages]


def fence(number: int, passage: Passage) -> str:
    """A passage between markers that it can't contain, so that its end can't be faked."""
    text = f"{' '.join(passage.title.split())}\n{passage.text}"
    mark = secrets.token_hex(6)
    while mark in text:
        mark = secrets.token_hex(6)
    return f"<<<source [{number}] {mark}>>>\n{text}\n<<<end of source {mark}>>>"
