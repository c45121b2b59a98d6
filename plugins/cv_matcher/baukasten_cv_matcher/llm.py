"""The analyser with a language model: it says what it sees, and every quote is checked."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator

from baukasten_core.api import Answer, InvalidOutput, Kit, Message, Span, find_quote, sentences
from baukasten_cv_matcher.assessment import (
    VALUE,
    Assessment,
    Cv,
    Evidence,
    Finding,
    Method,
    Verdict,
)
from baukasten_cv_matcher.requirements import Importance, Requirement
from baukasten_cv_matcher.structured import ask, fence, prompt

PART = 20_000
"""Characters of a CV that are read in one go; a longer one is read in parts."""
MOST_PARTS = 10
LONGEST_QUOTE = 600
TOKENS_EACH, TOKENS_MORE = 250, 500
LANGUAGES = {"de": "German", "en": "English", "es": "Spanish"}

ASSESS_SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["assessments"],
    "properties": {
        "assessments": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["requirement", "verdict", "quote", "reason"],
                "properties": {
                    "requirement": {"type": "integer"},
                    "verdict": {"type": "string", "enum": ["full", "partial", "missing"]},
                    "quote": {"type": "string"},
                    "reason": {"type": "string"},
                },
            },
        }
    },
}
REQUIREMENTS_SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["requirements"],
    "properties": {
        "requirements": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["quote", "importance"],
                "properties": {
                    "quote": {"type": "string"},
                    "importance": {"type": "string", "enum": ["must", "nice"]},
                },
            },
        }
    },
}


class LlmAnalyser:
    """Asks one configured instance, so that every candidate is judged by the same model."""

    method: Method = "llm"

    def __init__(self, kit: Kit, project_id: UUID, instance: str | None, model: str = "") -> None:
        self._kit = kit
        self._options = {"project_id": project_id, "provider": instance, "model": model}

    async def assess(self, requirements: Sequence[Requirement], cv: Cv) -> Assessment:
        parts = list(_parts(cv.text))
        if len(parts) > MOST_PARTS:
            raise InvalidOutput(f"The document is longer than {MOST_PARTS * PART:,} characters.")
        best: list[Finding] = []
        answer: Answer | None = None
        for part in parts:
            judged, answer = await self._ask(requirements, part)
            found = [_finding(item, cv.text) for item in judged]
            best = [_better(*pair) for pair in zip(best, found, strict=True)] if best else found
        return Assessment(tuple(best), made_by(answer) if answer else {})

    async def requirements(self, text: str) -> tuple[list[Requirement], Answer]:
        """What an advertisement asks for; every requirement is a piece of it, word for word."""
        messages = [
            Message("system", prompt("requirements")),
            Message("user", fence("job advertisement", text)),
        ]

        def read(answer: str) -> list[Requirement]:
            return _located(Asked.model_validate_json(answer).requirements, text)

        return await ask(
            self._kit,
            messages,
            schema=REQUIREMENTS_SCHEMA,
            read=read,
            max_tokens=8000,
            **self._options,
        )

    async def _ask(
        self, requirements: Sequence[Requirement], part: str
    ) -> tuple[list[Judged], Answer]:
        numbered = "\n".join(f"{i}. {item.text}" for i, item in enumerate(requirements, start=1))
        language = LANGUAGES[self._kit.language]
        messages = [
            Message("system", prompt("assess").format(language=language)),
            Message("user", f"{fence('requirements', numbered)}\n\n{fence('CV', part)}"),
        ]

        def read(answer: str) -> list[Judged]:
            return Judgement.model_validate_json(answer).for_each_of(len(requirements))

        return await ask(
            self._kit,
            messages,
            schema=ASSESS_SCHEMA,
            read=read,
            max_tokens=TOKENS_MORE + TOKENS_EACH * len(requirements),
            **self._options,
        )


def made_by(answer: Answer) -> dict[str, Any]:
    """Who answered, for the response."""
    routed = answer.routed
    return {"provider": routed.instance, "model": routed.model, "region": routed.region}


# --- what the model is to answer ----------------------------------------------------------


class Judged(BaseModel):
    """The model's word on one requirement."""

    model_config = ConfigDict(extra="forbid")

    requirement: int
    verdict: Verdict
    quote: str = Field(max_length=10_000)
    reason: str = Field(max_length=10_000)


class Judgement(BaseModel):
    """The model's word on all of them."""

    model_config = ConfigDict(extra="forbid")

    assessments: list[Judged]

    def for_each_of(self, count: int) -> list[Judged]:
        """In order; raises ValueError unless each of `count` requirements has exactly one."""
        numbers = sorted(item.requirement for item in self.assessments)
        if numbers != list(range(1, count + 1)):
            raise ValueError(f"it must have exactly one object for each requirement 1 to {count}")
        return sorted(self.assessments, key=lambda item: item.requirement)


class AskedFor(BaseModel):
    model_config = ConfigDict(extra="forbid")

    quote: str
    importance: Importance


class Asked(BaseModel):
    """What the model found in an advertisement."""

    model_config = ConfigDict(extra="forbid")

    requirements: list[AskedFor]

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if not self.requirements:
            raise ValueError("it lists no requirement")
        return self


# --- what of it counts --------------------------------------------------------------------


def _finding(item: Judged, text: str) -> Finding:
    """What the model said, as far as its quote bears it out."""
    if item.verdict == "missing":
        return Finding("missing", reason=item.reason or None)
    span = locate(item.quote, text)
    if span is None:
        return Finding("missing", claimed=item.verdict, note="quote_not_found")
    evidence = Evidence(span.of(text), span.start, span.end)
    return Finding(item.verdict, (evidence,), reason=item.reason or None)


def _better(one: Finding, other: Finding) -> Finding:
    if VALUE[other.verdict] > VALUE[one.verdict]:
        return other
    if other.claimed and not one.claimed and one.verdict == "missing":
        return other
    return one


def locate(quote: str, text: str) -> Span | None:
    """Where a quote stands, word for word; case, punctuation and quotation marks may differ.

    What is shown afterwards is the text itself, never the model's spelling of it.
    """
    quote = quote.strip()
    if not any(character.isalnum() for character in quote):
        return None
    span = find_quote(quote, text)
    if span is None or _inside_a_word(text, span.start) or _inside_a_word(text, span.end):
        words = re.findall(r"[^\W_]+", quote)
        pattern = r"[\W_]+".join(map(re.escape, words))
        found = re.search(rf"(?<![^\W_]){pattern}(?![^\W_])", text, re.IGNORECASE)
        span = Span(found.start(), found.end()) if found else None
    return span if span and span.end - span.start <= LONGEST_QUOTE else None


def _inside_a_word(text: str, place: int) -> bool:
    return 0 < place < len(text) and text[place - 1].isalnum() and text[place].isalnum()


def _located(items: Sequence[AskedFor], text: str) -> list[Requirement]:
    """The requirements that stand in the advertisement, in its order, each once."""
    found: dict[tuple[int, int], Requirement] = {}
    for item in items:
        span = locate(item.quote, text)
        if span is not None:
            key = (span.start, span.end)
            found[key] = Requirement(span.of(text), item.importance, *key)
    if not found:
        raise ValueError("no `quote` stands in the advertisement word for word")
    return [found[key] for key in sorted(found)]


def _parts(text: str) -> Iterator[str]:
    """The text in pieces of at most `PART` characters that end where a sentence ends
    (a longer sentence is cut)."""
    start = end = 0
    for span in sentences(text):
        if span.end - start > PART and end > start:
            yield text[start:end]
            start = end
        while span.end - start > PART:
            yield text[start : start + PART]
            start += PART
        end = span.end
    yield text[start:end]
