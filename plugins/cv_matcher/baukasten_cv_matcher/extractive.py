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
from baukasten_cv_matcher.matching import Match, Sentence, match, read, units
from baukasten_cv_matcher.requirements import Requirement
from baukasten_cv_matcher.years import Period, periods, years_asked

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
        wanted = years_asked(requirement.text)
        spans: Sequence[Period | None] = [None] * len(sentences)
        if wanted is not None:
            spans = _periods(cv.text, sentences)
        best = match(asked, sentences, prefer=[span.years if span else -1 for span in spans])
        verdict = _verdict(best)
        if verdict == "missing":
            return Finding("missing")
        said = [spans[place] for place in best.sentences]
        note = None if wanted is None else _too_short(wanted, said)
        places = dict.fromkeys([*best.sentences, *(span.sentence for span in said if span)])
        evidence = tuple(_quote(cv.text, sentences[place].span) for place in places)
        return Finding("partial" if note else verdict, evidence, note=note)


def _periods(text: str, sentences: Sequence[Sentence]) -> list[Period | None]:
    spans = [sentence.span for sentence in sentences]
    return periods(text, spans, datetime.now(UTC).year)


def _verdict(best: Match) -> Verdict:
    if best.coverage >= FULL and best.first >= FULL_FIRST:
        return "full"
    return "partial" if best.coverage >= PARTIAL else "missing"


def _too_short(wanted: int, said: Sequence[Period | None]) -> Note | None:
    """Why the years that are asked for are not shown, None if they are, wherever it matters."""
    if any(span is None for span in said):
        return "years_not_shown"
    return "fewer_years" if min(span.years for span in said if span) < wanted else None


def _quote(text: str, span: Span) -> Evidence:
    """The sentence, cut at a word where it is very long."""
    end = span.end
    if end - span.start > LONGEST_QUOTE:
        end = text.rfind(" ", span.start, span.start + LONGEST_QUOTE)
        end = end if end > span.start else span.start + LONGEST_QUOTE
    return Evidence(text[span.start : end], span.start, end)
