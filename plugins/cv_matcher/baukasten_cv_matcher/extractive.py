"""The analyser without a model: words that requirement and CV share, quoted from the CV."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

from baukasten_core.api import Span
from baukasten_cv_matcher.assessment import (
    Assessment,
    Cv,
    Evidence,
    Finding,
    Method,
    Note,
    Verdict,
)
from baukasten_cv_matcher.matching import Sentence, match, read, units, years_asked, years_in
from baukasten_cv_matcher.requirements import Requirement

FULL = 0.8
"""Share of a requirement's words that must be covered for `full` ..."""
FULL_FIRST = 0.34
"""... and share that one sentence must cover alone: words scattered over a CV prove nothing."""
PARTIAL = 0.3
LONGEST_QUOTE = 300


class ExtractiveAnalyser:
    """Compares stems, sentence by sentence. Says `full` where (nearly) every telling word of the
    requirement stands in at most three sentences, `partial` for a part of them, and never
    understands a paraphrase: a person should read what it calls missing."""

    method: Method = "extractive"

    def __init__(self, language: str | None) -> None:
        """`language`: the advertisement's (ISO 639-1)."""
        self.language = language

    async def assess(self, requirements: Sequence[Requirement], cv: Cv) -> Assessment:
        return await asyncio.to_thread(self._assess, requirements, cv)

    def _assess(self, requirements: Sequence[Requirement], cv: Cv) -> Assessment:
        sentences = read(cv.text, cv.language)
        found = tuple(self._find(requirement, cv, sentences) for requirement in requirements)
        return Assessment(found, {"provider": "extractive", "model": "", "region": "local"})

    def _find(self, requirement: Requirement, cv: Cv, sentences: Sequence[Sentence]) -> Finding:
        asked = units(requirement.text, (self.language, cv.language))
        best = match(asked, sentences)
        verdict = _verdict(best.coverage, best.first)
        if verdict == "missing":
            return Finding("missing")
        places = list(best.sentences)
        note: Note | None = None
        wanted = years_asked(requirement.text)
        if wanted is not None:
            note, place = _check_years(wanted, places[0], sentences, cv.text)
            verdict = "partial" if note else verdict
            places += [place] if place is not None and place not in places else []
        return Finding(
            verdict, tuple(_evidence(cv.text, sentences[i].span) for i in places), note=note
        )


def _verdict(coverage: float, first: float) -> Verdict:
    if coverage >= FULL and first >= FULL_FIRST:
        return "full"
    return "partial" if coverage >= PARTIAL else "missing"


def _check_years(
    wanted: int, place: int, sentences: Sequence[Sentence], text: str
) -> tuple[Note | None, int | None]:
    """Whether the matching sentence or one beside it spells out enough years, and which one."""
    now = datetime.now(UTC).year
    longest, where = None, None
    for near in (place, place - 1, place + 1):
        if not 0 <= near < len(sentences):
            continue
        years = years_in([sentences[near].span.of(text)], now)
        if years is not None and (longest is None or years > longest):
            longest, where = years, near
    if longest is None:
        return "years_not_shown", None
    return ("fewer_years" if longest < wanted else None), where


def _evidence(text: str, span: Span) -> Evidence:
    """The sentence, cut at a word where it is very long."""
    end = span.end
    if end - span.start > LONGEST_QUOTE:
        end = text.rfind(" ", span.start, span.start + LONGEST_QUOTE)
        end = end if end > span.start else span.start + LONGEST_QUOTE
    return Evidence(text[span.start : end], span.start, end)
