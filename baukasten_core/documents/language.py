"""Which language a document or a query is written in."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Detected:
    """A language as ISO 639-1 (`de`), and how sure that is (0 to 1)."""

    language: str
    confidence: float


class LanguageDetector:
    """Detects the languages that a stemmer exists for. Loads its models at first use."""

    def detect(self, text: str) -> Detected | None:
        """The language of `text`, or None where it is too short or mixed to tell.

        Deterministic. Looks at no more than the first few thousand characters and takes a
        millisecond or so; the first call loads the models (call it in a thread).
        """
        raise NotImplementedError
