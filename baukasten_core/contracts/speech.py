"""Speech: a recording in, its text out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable


@dataclass(frozen=True, slots=True)
class SpeechSegment:
    """What was said from `start` to `end` (seconds from the beginning)."""

    start: float
    end: float
    text: str


@runtime_checkable
class SpeechProvider(Protocol):
    """Transcribes recordings."""

    name: str

    def transcribe(
        self, audio: bytes, media_type: str, *, language: str | None = None
    ) -> AsyncIterator[SpeechSegment]:
        """Segments in order of time, as they are recognised.

        Raises `ProviderRejected` for a format it can't read, `ProviderUnavailable` when it is
        down.
        """
        ...
