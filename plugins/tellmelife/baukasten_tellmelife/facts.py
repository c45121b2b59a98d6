"""Names, dates and numbers of a chapter that its entry does not have.

It compares spellings and knows nothing of the world, so it is a list for people to look at and no
verdict: a name at the beginning of a sentence can slip through, and a noun may be taken for one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

from baukasten_core.api import sentences
from baukasten_tellmelife.texts import LANGUAGES, MESSAGES, months, weekdays

WORD = re.compile(r"[^\W\d_]+(?:[-’'][^\W\d_]+)*")
NUMBER = re.compile(r"\d+(?:[.,:/]\d+)*")
NOUN_ENDINGS = ("ung", "ungen", "heit", "keit", "schaft", "tion", "nis", "chen", "tum", "ität")
STEM = 5
"""Words that share so many first letters count as the same (`Hamburg`, `Hamburger`)."""


def unverified(chapter: str, entry: str, day: date, language: str) -> list[str]:
    """What `chapter` names and neither `entry` nor its day does, in order, each once."""
    known = _Known(entry, day)
    found: dict[str, None] = {}
    for sentence in sentences(chapter):
        for item in _new(sentence.of(chapter), known, language):
            found[item] = None
    return list(found)


class _Known:
    """The entry's words and numbers, and what follows from its date."""

    def __init__(self, entry: str, day: date) -> None:
        dated = [name for code in LANGUAGES for name in (months(code)[day.month - 1],)]
        dated += [weekdays(code)[day.weekday()] for code in LANGUAGES]
        words = {word.casefold() for word in WORD.findall(f"{entry} {' '.join(dated)}")}
        self._words = words | {part for word in words for part in re.split(r"[-’']", word)}
        self._stems = {word[:STEM] for word in self._words if len(word) >= STEM}
        figures = [*NUMBER.findall(entry), str(day.day), str(day.month), str(day.year)]
        self._numbers = {_figure(figure) for figure in figures}
        self._numbers |= {part for figure in figures for part in re.split(r"[.:/]", figure)}
        for code in LANGUAGES:
            spelled = MESSAGES.translate(code, "numbers").split()
            self._numbers |= {str(n) for n, word in enumerate(spelled, 2) if word in self._words}

    def word(self, word: str) -> bool:
        folded = word.casefold()
        return folded in self._words or (len(folded) >= STEM and folded[:STEM] in self._stems)

    def number(self, figure: str) -> bool:
        return _figure(figure) in self._numbers


def _figure(figure: str) -> str:
    """`1.200` and `1,200` as `1200`; `0` before a digit does not count."""
    return re.sub(r"[.,](?=\d{3}\b)", "", figure).lstrip("0") or "0"


def _new(sentence: str, known: _Known, language: str) -> Iterator[str]:
    for match in NUMBER.finditer(sentence):
        if not known.number(match[0]):
            yield match[0]
    yield from _new_calendar(sentence, known, language)
    for name in _names(sentence, language):
        if not known.word(name) and not _calendar_word(name, language):
            yield name


def _new_calendar(sentence: str, known: _Known, language: str) -> Iterator[str]:
    """Months, weekdays and numbers in words."""
    spelled = MESSAGES.translate(language, "numbers").split()
    for match in WORD.finditer(sentence):
        word = match[0].casefold()
        is_number = word in spelled and not known.number(str(spelled.index(word) + 2))
        is_date = _calendar_word(match[0], language)
        if (is_number or is_date) and not known.word(word):
            yield match[0]


def _calendar_word(word: str, language: str) -> bool:
    folded = word.casefold()
    # `may` and `march` in lower case are English verbs.
    if language == "en" and word.islower():
        return False
    return folded in {name.casefold() for name in [*months(language), *weekdays(language)]}


def _names(sentence: str, language: str) -> Iterator[str]:
    """Words that are written like a name."""
    starters = set(MESSAGES.translate(language, "starters").split())
    words = list(WORD.finditer(sentence))
    for at, match in enumerate(words):
        word = match[0]
        if not word[0].isupper() or len(word) < 2 or word.casefold() in starters:
            continue
        before = words[at - 1][0] if at else ""
        after = words[at + 1][0] if at + 1 < len(words) else ""
        first = (
            at == 0 or sentence[words[at - 1].end() : match.start()].strip(" \u00a0,;-–—/") != ""
        )
        if first and not (after[:1].isupper() and language != "de"):
            continue
        if language == "de" and _german_noun(word, before, starters):
            continue
        yield word


def _german_noun(word: str, before: str, determiners: set[str]) -> bool:
    """German nouns are written like names: one after an article or with a noun's ending is none."""
    return before.casefold() in determiners or word.casefold().endswith(NOUN_ENDINGS)
