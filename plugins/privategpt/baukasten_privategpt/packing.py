"""What fits into a model's context: passages and earlier turns, counted in tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from baukasten_core.api import Message, Passage, estimate_tokens, sentences

FENCE_TOKENS = 40
"""What a passage's markers and title cost at most, beside its text."""
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
    left = room - sum(tokens(turn.content) for turn in turns)
    kept: list[Passage] = []
    for passage in passages:
        cost = tokens(passage.text) + FENCE_TOKENS
        if cost <= left:
            kept.append(passage)
            left -= cost
    if not kept and passages:
        kept = [_cut(passages[0], left - FENCE_TOKENS)]
    return kept, turns


def latest(history: Sequence[Message], room: int) -> list[Message]:
    """The last turns, whole ones, as many as fit."""
    kept: list[Message] = []
    for turn in reversed(history):
        room -= tokens(turn.content)
        if room < 0:
            break
        kept.append(turn)
    return kept[::-1]


def tokens(text: str) -> int:
    return estimate_tokens([text])


def _cut(passage: Passage, room: int) -> Passage:
    """As many of its sentences as fit, the first one at least, which is cut where it must be."""
    end = 0
    for span in sentences(passage.text):
        if end and tokens(passage.text[: span.end]) > room:
            break
        end = span.end
    text = passage.text[:end]
    while tokens(text) > max(room, 1):
        text = text[: len(text) * 3 // 4]
    return replace(passage, text=text, end=passage.start + len(text))
