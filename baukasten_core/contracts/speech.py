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
        """Segments in order of time, as they are recognised. An async generator: closing it ends
        the work.

        Args:
            media_type: of the recording, such as `audio/wav`.
            language: that is spoken, as ISO 639-1; by default, whichever it seems to be.

        Raises:
            ProviderRejected: it is no recording that can be read.
            ProviderUnavailable: loading, overloaded or not reachable; ask again later.
        """
        ...
