"""What an emulator is asked and what it answers, whatever the protocol."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

StopReason = Literal["stop", "length", "tool_calls"]


@dataclass(frozen=True, slots=True)
class EmulatedModel:
    """A model an emulator has. `hosted`: as Ollama marks the ones it passes on."""

    name: str
    context: int = 32_768
    hosted: bool = False
    tools: bool = True
    embedding: bool = False


@dataclass(frozen=True, slots=True)
class EmulatedToolCall:
    """A tool call in an answer; `arguments` is JSON text."""

    name: str
    arguments: str
    id: str = "call_emulated"


@dataclass(frozen=True, slots=True)
class Reply:
    """What the emulated model says. It is sent word by word."""

    text: str = "This is an emulated answer."
    tool_calls: tuple[EmulatedToolCall, ...] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """A request for an answer, read from the protocol."""

    model: str
    messages: Sequence[tuple[str, str]]
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    schema: Mapping[str, Any] | None = None
    body: Mapping[str, Any] = field(default_factory=dict)

    @property
    def prompt(self) -> str:
        """The text of the last user's turn."""
        return next((text for role, text in reversed(self.messages) if role == "user"), "")

    @property
    def tokens(self) -> int:
        """Words stand for tokens."""
        return sum(len(text.split()) for _, text in self.messages)


Answering = Reply | Callable[[Asked], Reply]


@dataclass(frozen=True, slots=True)
class Spoken:
    """A reply cut to what was asked for: its pieces and why it ended."""

    pieces: tuple[str, ...]
    reason: StopReason
    tool_calls: tuple[EmulatedToolCall, ...] = ()
    stop_sequence: str | None = None

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    @property
    def tokens(self) -> int:
        return len(self.pieces)


def speak(answering: Answering, asked: Asked) -> Spoken:
    """The reply to `asked`, cut at its stop sequences and after `max_tokens` words."""
    reply = answering if isinstance(answering, Reply) else answering(asked)
    text, stopped = reply.text, None
    for sequence in asked.stop:
        if sequence in text:
            text, stopped = text.split(sequence, 1)[0], sequence
    pieces = tuple(_words(text))
    if asked.max_tokens is not None and len(pieces) > asked.max_tokens:
        return Spoken(pieces[: asked.max_tokens], "length")
    reason: StopReason = "tool_calls" if reply.tool_calls else "stop"
    return Spoken(pieces, reason, reply.tool_calls, stopped)


def _words(text: str) -> Iterator[str]:
    yield from re.findall(r"\s*\S+|\s+$", text)


def vector(text: str, dimensions: int) -> list[float]:
    """A unit vector that depends on the text alone."""
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
    values = np.random.default_rng(seed).standard_normal(dimensions)
    return [float(value) for value in values / np.linalg.norm(values)]
