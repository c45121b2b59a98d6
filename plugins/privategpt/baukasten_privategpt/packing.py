"""What fits into a model's context: passages and earlier turns, counted in tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from baukasten_core.api import Message, Passage, count_tokens, sentences
from baukasten_privategpt.prompting import fence

PER_MESSAGE = 10
"""Tokens that a model's template puts around a message, and a fence's marks vary by."""
HISTORY_SHARE = 0.25
"""Of the room, at most, for earlier turns: the sources are what an answer rests on."""


def pack(
    passages: Sequence[Passage], history: Sequence[Message], room: int
) -> tuple[list[Passage], list[Message]]:
    """The latest whole turns and the best passages that fit into `room` tokens together.

    Passages keep their order, the best first. The best one is always there: where it is too long
    alone, it is cut after a sentence.
    """
    turns = latest(history, int(room * HISTORY_SHARE))
    left = room - sum(map(_said, turns))
    kept: list[Passage] = []
    for passage in passages:
        cost = _fenced(passage)
        if cost <= left:
            kept.append(passage)
            left -= cost
    if not kept and passages:
        kept = [_cut(passages[0], left)]
    return kept, turns


def latest(history: Sequence[Message], room: int) -> list[Message]:
    """The last turns, whole ones, as many as fit."""
    kept: list[Message] = []
    for turn in reversed(history):
        room -= _said(turn)
        if room < 0:
            break
        kept.append(turn)
    return kept[::-1]


def _said(turn: Message) -> int:
    return count_tokens(turn.content) + PER_MESSAGE


def _fenced(passage: Passage) -> int:
    return count_tokens(fence(99, passage)) + PER_MESSAGE


def _cut(passage: Passage, room: int) -> Passage:
    """As many of its sentences as fit, the first one at least, which is cut where it must be."""
    text, end = passage.text, 0
    room -= _fenced(replace(passage, text=""))
    for span in sentences(text):
        if end and count_tokens(text[: span.end]) > room:
            break
        end = span.end
    while end > 1 and count_tokens(text[:end]) > room:
        end = end * 3 // 4
    return replace(passage, text=text[:end], end=passage.start + end)
