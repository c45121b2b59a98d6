"""A text's sentences, with their offsets: the units that quotes are made of.

Lines count too: a list item, a heading or a line of a table is a unit of its own, while a line
that was only wrapped goes on in the next.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from baukasten_core.evidence.quotes import Span

BULLET = re.compile(r"[-*+•‣◦▪▫■□●○·–—➢➤✓✔►]\s+|\(?(?:\d{1,2}|[a-z])[.)]\s+")
"""What an item of a list begins with."""

WRAPPED = 55
"""A line shorter than this ended because its author ended it."""

NARROW = 25
"""The same where the next line begins with a small letter."""

_LINE = re.compile(r"[^\n]+")
_END = re.compile(r"[.!?…]+[\"'”“’»)\]]*\s+(?=[\"'“„«¿¡(\[]*[^\W_a-zß-öø-ÿ])")
_ENDED = re.compile(r"[.!?…:;][\"'”“’»)\]]*$")
_OPENS = re.compile(rf"{BULLET.pattern}|[^\W\d_][^\n:]{{0,30}}:\s|\d{{2,4}}\b")
_SHORT = re.compile(
    r"(?:\b(?:z|B|d|h|u|a|o|ä|i|e|g|p|ej|s|S|bzw|ca|evtl|ggf|inkl|usw|vgl|Abs|Art|Nr|Str|Tel|Dr|"
    r"Prof|Dipl|Ing|St|Mr|Mrs|Ms|Jr|Sr|Sra|Inc|Ltd|Co|vs|No|Fig|aprox|núm|pág|tel|Ud|Uds|[A-Z])"
    r"|\b\d{1,2})\.$"
)


LONGEST_SHORT = 6
"""Characters of an abbreviation, one more than needed to see that it begins there."""


def sentences(text: str) -> Iterator[Span]:
    """The sentences, items and lines of `text` in order, without surrounding white space.

    Every character that is not white space is in exactly one of them. An item's bullet belongs
    to it.
    """
    for block in _blocks(text):
        yield from _split(text, block)


def _blocks(text: str) -> Iterator[Span]:
    """Runs of lines that belong together."""
    start = end = -1
    for line in _LINE.finditer(text):
        found = _trimmed(text, line.start(), line.end())
        if found is None:
            continue
        if start >= 0 and not _goes_on(text, Span(start, end), found):
            yield Span(start, end)
            start = -1
        start = found.start if start < 0 else start
        end = found.end
    if start >= 0:
        yield Span(start, end)


def _goes_on(text: str, block: Span, line: Span) -> bool:
    """Whether `line` continues the block before it."""
    if "\n" in text[block.end : line.start].replace("\n", "", 1):
        return False
    last = text[text.rfind("\n", block.start, block.end) + 1 or block.start : block.end]
    if _OPENS.match(text, line.start) or _ENDED.search(last):
        return False
    return len(last) >= (NARROW if text[line.start].islower() else WRAPPED)


def _split(text: str, block: Span) -> Iterator[Span]:
    start = block.start
    for match in _END.finditer(text, block.start, block.end):
        if _SHORT.search(text, max(start, match.start() - LONGEST_SHORT), match.start() + 1):
            continue
        found = _trimmed(text, start, match.end())
        if found is not None:
            yield found
        start = match.end()
    rest = _trimmed(text, start, block.end)
    if rest is not None:
        yield rest


def _trimmed(text: str, start: int, end: int) -> Span | None:
    part = text[start:end]
    if not part.strip():
        return None
    start += len(part) - len(part.lstrip())
    return Span(start, start + len(part.strip()))
