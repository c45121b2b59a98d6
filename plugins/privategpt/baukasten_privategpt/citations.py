"""Citations whose quote is the sentence of the source that the statement rests on."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from uuid import UUID

from baukasten_core.api import Citation, Passage, Span, cited_numbers, find_quote, sentences, terms

LONGEST_QUOTE = 400
MARKERS = re.compile(r"(?:\s*\[\d{1,3}\])+")


def citations(
    answer: str,
    passages: Sequence[Passage],
    texts: Mapping[UUID, str],
    language: str | None,
) -> list[Citation]:
    """The sources that an answer cites as `[n]`, by number, each once, in order of mention.

    The quote is the sentence of passage n that shares most with what the answer says there. It is
    checked word for word against `texts`, the documents as they are now; `verified` says whether
    it stands there.
    """
    numbers = [n for n in cited_numbers(answer) if 1 <= n <= len(passages)]
    return [_citation(n, passages[n - 1], _said(answer, n), texts, language) for n in numbers]


def unknown_numbers(answer: str, passages: Sequence[Passage]) -> list[int]:
    """Numbers an answer cites that no source has."""
    return [n for n in cited_numbers(answer) if not 1 <= n <= len(passages)]


def _said(answer: str, number: int) -> list[str]:
    """What an answer says before it cites a source, wherever it does."""
    pieces, start = [], 0
    for match in MARKERS.finditer(answer):
        if f"[{number}]" in match.group():
            pieces.append(answer[start : match.start()].strip().lstrip(".,;:!? "))
        start = match.end()
    return pieces


def _citation(
    number: int,
    passage: Passage,
    said: Sequence[str],
    texts: Mapping[UUID, str],
    language: str | None,
) -> Citation:
    inside = _rests_on(said, passage.text, language)
    quote = inside.of(passage.text)
    span = find_quote(quote, texts.get(passage.document_id, ""), near=passage.start + inside.start)
    start = span.start if span else passage.start + inside.start
    return Citation(
        number=number,
        document_id=passage.document_id,
        title=passage.title,
        quote=quote,
        start=start,
        end=span.end if span else start + len(quote),
        page=passage.page,
        score=round(passage.score, 4),
        verified=span is not None,
    )


def _rests_on(said: Sequence[str], text: str, language: str | None) -> Span:
    """The words of the source themselves, where the answer quotes them; else the sentence that is
    nearest to what it says."""
    for piece in said:
        span = find_quote(piece, text)
        if span is not None:
            return _shortened(span, text)
    return best_sentence(" ".join(_last_sentence(piece) for piece in said), text, language)


def _last_sentence(text: str) -> str:
    found = [span.of(text) for span in sentences(text)]
    told = [sentence for sentence in found if any(character.isalnum() for character in sentence)]
    return told[-1] if told else ""


def best_sentence(claim: str, text: str, language: str | None) -> Span:
    """The sentence of `text` that shares most words with `claim`; the first where none does."""
    said = set(terms(claim, language))
    spans = list(sentences(text)) or [Span(0, len(text))]

    def shared(span: Span) -> tuple[float, int]:
        own = set(terms(span.of(text), language))
        return (len(said & own) / (1 + len(own)) ** 0.3, -span.start)

    best = max(spans, key=shared)
    return _shortened(best, text)


def _shortened(span: Span, text: str) -> Span:
    """A very long sentence is cut between words."""
    if span.end - span.start <= LONGEST_QUOTE:
        return span
    end = text.rfind(" ", span.start, span.start + LONGEST_QUOTE)
    return Span(span.start, end if end > span.start else span.start + LONGEST_QUOTE)
