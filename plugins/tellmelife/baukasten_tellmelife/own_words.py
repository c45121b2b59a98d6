"""A chapter without a language model: the entry's own words, in order, set as paragraphs."""

from __future__ import annotations

import re
from datetime import date

from baukasten_core.api import sentences
from baukasten_tellmelife.texts import written_date

BLANK = re.compile(r"\n[^\S\n]*\n")
WRAPPED = 50
"""A line at least this long was wrapped by an editor; a shorter one was meant to end there."""
LONG, ENOUGH = 900, 450
"""A paragraph of more than LONG characters is divided at ends of sentences, every ENOUGH."""
TITLE = 56
"""Most characters of a title taken from the text."""


def paragraphs(text: str) -> list[str]:
    """The text as paragraphs; no word is added, changed, moved or left out.

    A newline that is left in a paragraph is a line break its author meant (a verse, a list).
    """
    found = []
    for block in BLANK.split(text):
        lines = [" ".join(line.split()) for line in block.split("\n")]
        joined = _unwrapped([line for line in lines if line])
        if joined:
            found += _divided(joined)
    return found


def _unwrapped(lines: list[str]) -> str:
    text = ""
    for line, before in zip(lines, ["", *lines], strict=False):
        glue = " " if len(before) >= WRAPPED else "\n"
        text = f"{text}{glue}{line}" if text else line
    return text


def _divided(block: str) -> list[str]:
    if len(block) <= LONG:
        return [block]
    parts, start = [], 0
    for sentence in sentences(block):
        if sentence.end - start >= ENOUGH and len(block) - sentence.end >= ENOUGH / 2:
            parts.append(block[start : sentence.end].strip())
            start = sentence.end
    return [part for part in [*parts, block[start:].strip()] if part]


def title_of(text: str, day: date, language: str) -> str:
    """The first sentence if it is short, else its beginning; the date where there are no words."""
    first = next(iter(sentences(text)), None)
    words = " ".join(first.of(text).split()) if first else ""
    if not any(character.isalnum() for character in words):
        return written_date(language, day)
    if len(words) <= TITLE:
        return words[:-1] if words.endswith(".") and not words.endswith("..") else words
    clause = re.match(rf".{{16,{TITLE}}}?(?=[,;:–—] )", words)
    cut = clause[0] if clause else words[: TITLE + 1].rpartition(" ")[0] or words[:TITLE]
    return cut.rstrip(" ,;:–—-") + " …"
