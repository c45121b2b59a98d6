"""What a job advertisement asks for, read from its lists and sentences, without a model.

A requirement is always a piece of the advertisement as it stands there, with its offsets.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from baukasten_core.api import Span, sentences
from baukasten_cv_matcher.vocabulary import MUST_CUE, NICE_CUE, Section, section_of

Importance = Literal["must", "nice"]

BULLET = re.compile(r"(?:[-*+•‣◦▪▫■□●○·–—➢➤✓✔►]|\(?(?:\d{1,2}|[a-z])[.)])\s+")
MARKS = re.compile(r"[#*_\s]*")
PART_END = re.compile(
    r";\s+|,\s+(?=(?:and |und |y )?(?:ideally|preferably|idealerweise|gerne|wünschenswert|"
    r"preferiblemente|idealmente)\b)",
    re.IGNORECASE,
)
LONGEST_HEADING = 70
LONGEST_LABEL = 50
FEWEST_LETTERS = 3


@dataclass(frozen=True, slots=True)
class Requirement:
    """`text` is the advertisement from `start` to `end`."""

    text: str
    importance: Importance
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Line:
    """A sentence or item, without its bullet, and where it stands."""

    text: str
    start: int
    bullet: bool
    section: Section | None


def find_requirements(text: str) -> list[Requirement]:
    """The requirements in `text`, in order; empty where nothing looks like one.

    First choice are the sentences and items under a heading that announces requirements; an
    advertisement without such headings gives its list items and the sentences that speak of
    experience, knowledge or what is required, other than those under headings like `We offer`.
    """
    lines = list(_lines(text))
    chosen = [line for line in lines if line.section in ("must", "nice")]
    if not chosen:
        chosen = [
            line
            for line in lines
            if line.section is None
            and (line.bullet or MUST_CUE.search(line.text) or NICE_CUE.search(line.text))
        ]
    parts = (part for line in chosen for part in _parts(line))
    return [_requirement(part) for part in parts if _says_something(part.text)]


def _lines(text: str) -> Iterator[Line]:
    section: Section | None = None
    listed = False  # the section has had items
    for span in sentences(text):
        line = _line(text, span, section)
        opened = _heading(line)
        if opened is not None:
            section, listed = opened, False
            continue
        label, rest = _label(line)
        if label is not None:
            section, listed = label, False
            line = rest
        elif section is not None and listed and _leaves_list(line):
            section = None
        listed = listed or line.bullet
        yield Line(line.text, line.start, line.bullet, section)


def _line(text: str, span: Span, section: Section | None) -> Line:
    match = BULLET.match(text, span.start, span.end)
    start = match.end() if match else span.start
    return Line(text[start : span.end], start, match is not None, section)


def _heading(line: Line) -> Section | None:
    text = line.text.rstrip()
    if line.bullet and not text.endswith(":"):
        return None
    if len(text) > LONGEST_HEADING or text.endswith((".", ",", ";")):
        return None
    return section_of(text) if text.endswith(":") or len(text.split()) <= 7 else None


def _label(line: Line) -> tuple[Section | None, Line]:
    """`Requirements: Python and SQL.` is a heading and a requirement in one line."""
    label, colon, _ = line.text.partition(":")
    if not colon or len(label) > LONGEST_LABEL:
        return None, line
    section = section_of(label + ":")
    start = len(label) + 1
    start += len(line.text[start:]) - len(line.text[start:].lstrip())
    return section, Line(line.text[start:], line.start + start, line.bullet, section)


def _leaves_list(line: Line) -> bool:
    """A paragraph after a list, about something else, ends the section."""
    return (
        not line.bullet
        and len(line.text) > LONGEST_LABEL
        and not MUST_CUE.search(line.text)
        and not NICE_CUE.search(line.text)
    )


def _parts(line: Line) -> Iterator[Line]:
    """`Fluent English; German is a plus` asks for two things."""
    start = 0
    for match in PART_END.finditer(line.text):
        yield Line(line.text[start : match.start()], line.start + start, True, line.section)
        start = match.end()
    yield Line(line.text[start:], line.start + start, line.bullet, line.section)


def _says_something(text: str) -> bool:
    return sum(character.isalpha() for character in text) >= FEWEST_LETTERS


def _requirement(line: Line) -> Requirement:
    skip = MARKS.match(line.text)
    first = skip.end() if skip else 0
    text = line.text[first:].rstrip(" ;,*_")
    start = line.start + first
    nice = NICE_CUE.search(text) or (line.section == "nice")
    return Requirement(text, "nice" if nice else "must", start, start + len(text))
