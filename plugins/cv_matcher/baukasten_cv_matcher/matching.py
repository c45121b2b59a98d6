"""How far the sentences of a CV cover what a requirement asks for, by its words alone.

A requirement's words are stemmed in its own language and in the CV's; words that every
requirement has (`experience`, `good`, `years`) do not count, and alternatives (`Docker or
Podman`) count as one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from baukasten_core.api import Span, sentences, terms
from baukasten_cv_matcher.vocabulary import GENERIC, GENERIC_ENDINGS, OR, SAME
from baukasten_cv_matcher.years import without_years

TOKEN = re.compile(r"[^\W_]+(?:[+#]+|\.[^\W\d_]{2,4}(?![^\W_]))?")
ALTERNATIVE_ITEM = re.compile(r"\s*[,/]\s*")
LIKEWISE = re.compile(
    r"\b(?:or|oder|o|bzw\.?)\s+(?:an?\s+|eine?[rsnm]?\s+|una?\s+)?(?:comparable|equivalent|similar|"
    r"related|vergleichbar\w*|gleichwertig\w*|ähnlich\w*|equivalentes?|similares?)\b[^,;.]*",
    re.IGNORECASE,
)
"""`or a comparable qualification`: nothing that a word could be looked up for."""
SHORTEST_PART = 5
"""Letters a word must have to be recognised inside a longer one."""
WHOLE, PART = 1.0, 0.7
SAME_GAIN = 1e-9

Forms = frozenset[str]
"""The ways one word may be stemmed."""


@dataclass(frozen=True, slots=True)
class Unit:
    """One thing asked for: any of `words` fulfils it. `weight` is 2 for a name or technical
    term, else 1."""

    words: tuple[Forms, ...]
    weight: float


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of the CV with its words."""

    span: Span
    words: tuple[Forms, ...]


@dataclass(frozen=True, slots=True)
class Match:
    """How much of a requirement is covered (0 to 1), by which sentences, the best one first.

    `first` is what the best sentence covers alone.
    """

    coverage: float
    first: float
    sentences: tuple[int, ...]


def read(text: str, language: str | None) -> list[Sentence]:
    """The sentences of a CV, ready to be compared. CPU-bound."""
    languages = (language,)
    return [
        Sentence(span, tuple(forms for _, _, forms in _words(span.of(text), languages)))
        for span in sentences(text)
    ]


def units(requirement: str, languages: Sequence[str | None]) -> list[Unit]:
    """What a requirement asks for, piece by piece."""
    text = LIKEWISE.sub("", without_years(requirement))
    words = list(_words(text, languages))
    telling = [word for word in words if not _generic(word[2])] or words
    return [
        Unit(
            tuple(forms for _, _, forms in group),
            max(2.0 if _is_name(match) else 1.0 for match, _, _ in group),
        )
        for group in _alternatives(text, telling)
    ]


def match(
    asked: Sequence[Unit],
    cv: Sequence[Sentence],
    *,
    most: int = 3,
    prefer: Sequence[float] | None = None,
) -> Match:
    """The sentences that together cover most, chosen one by one, `most` of them at most.

    Of sentences that cover as much, the one with the higher `prefer` is taken, else the first.
    """
    total = sum(unit.weight for unit in asked)
    if not total:
        return Match(0.0, 0.0, ())
    table = [_covers(asked, sentence) for sentence in cv]
    held = [0.0] * len(asked)
    chosen: list[int] = []
    shares: list[float] = []
    while len(chosen) < most:
        best, share = _best_addition(table, held, asked, prefer or [0.0] * len(cv))
        if best < 0:
            break
        held = [max(pair) for pair in zip(held, table[best], strict=True)]
        chosen.append(best)
        shares.append(share)
    coverage = sum(shares) / total
    return Match(min(1.0, coverage), shares[0] / total if shares else 0.0, tuple(chosen))


def _best_addition(
    table: Sequence[Sequence[float]],
    held: Sequence[float],
    asked: Sequence[Unit],
    prefer: Sequence[float],
) -> tuple[int, float]:
    best, most = -1, 0.0
    for index, row in enumerate(table):
        gain = sum(
            unit.weight * max(0.0, new - old)
            for unit, new, old in zip(asked, row, held, strict=True)
        )
        equal = best >= 0 and abs(gain - most) <= SAME_GAIN
        if gain > most + SAME_GAIN or (equal and prefer[index] > prefer[best]):
            best, most = index, max(gain, most)
    return best, most


def _covers(asked: Sequence[Unit], sentence: Sentence) -> list[float]:
    return [
        max((_alike(a, b) for a in unit.words for b in sentence.words), default=0.0)
        for unit in asked
    ]


def _alike(one: Forms, other: Forms) -> float:
    if one & other:
        return WHOLE
    return PART if any(_inside(a, b) for a in one for b in other) else 0.0


def _inside(one: str, other: str) -> bool:
    """Compounds: `datenbank` in `datenbankentwicklung`."""
    if one.startswith("=") or other.startswith("="):
        return False
    short, long = sorted((one, other), key=len)
    return len(short) >= SHORTEST_PART and (long.startswith(short) or long.endswith(short))


# --- words --------------------------------------------------------------------------------

Word = tuple[re.Match[str], str, Forms]


def _words(text: str, languages: Sequence[str | None]) -> Iterator[Word]:
    for found in TOKEN.finditer(text):
        written = found.group()
        forms = _forms(written, tuple(dict.fromkeys(languages)))
        if forms:
            yield found, written, forms


@lru_cache(maxsize=50_000)
def _forms(written: str, languages: tuple[str | None, ...]) -> Forms:
    """Empty for a word that carries grammar rather than meaning in one of the languages."""
    plain = written.lower().replace(".", "")
    acronym = len(written) > 1 and written.isupper()
    if not plain.isalpha() or acronym:
        return frozenset({plain, _meanings().get(plain, plain)})
    stems = [terms(plain, language) for language in languages]
    if not all(stems):
        return frozenset()
    forms = {plain, *(stem for found in stems for stem in found)}
    for ending in GENERIC_ENDINGS:
        if plain.endswith(ending) and len(plain) >= len(ending) + 4:
            forms.add(plain.removesuffix(ending).rstrip("s"))
    return frozenset(forms | {_meanings()[form] for form in forms if form in _meanings()})


@lru_cache(maxsize=1)
def _meanings() -> dict[str, str]:
    """A common name for words that mean the same; it can't be a word of a text."""
    return {word: f"={group.split()[0]}" for group in SAME for word in group.split()}


@lru_cache(maxsize=1)
def _generic_words() -> Forms:
    words: set[str] = set()
    for language, text in GENERIC.items():
        for word in text.split():
            words.update((word, *terms(word, language)))
    return frozenset(words)


def _generic(forms: Forms) -> bool:
    return bool(forms & _generic_words())


def _is_name(found: re.Match[str]) -> bool:
    """A proper name or a technical term, as far as its spelling tells: `SQL`, `C++`, `NumPy`."""
    word = found.group()
    return not word.isalpha() or any(character.isupper() for character in word[1:])


def _alternatives(text: str, words: Sequence[Word]) -> Iterator[list[Word]]:
    """Words, alternatives together: `A, B or C` is one, `A, B and C` are three."""
    groups: list[list[Word]] = []
    gaps: list[str] = []
    for word in words:
        gap = text[groups[-1][-1][0].end() : word[0].start()] if groups else ""
        gaps.append(gap)
        if groups and _is_or(gap):
            _join_list(groups, gaps)
            groups[-1].append(word)
            gaps.pop()
        else:
            groups.append([word])
    yield from groups


def _is_or(gap: str) -> bool:
    said = re.findall(r"[^\W_]+", gap.lower())
    return gap.strip() == "/" or (bool(said) and said[0] in OR and len(said) == 1)


def _join_list(groups: list[list[Word]], gaps: list[str]) -> None:
    """The items before `or` that only commas part belong to it."""
    while len(groups) > 1 and gaps[len(groups) - 1].strip() == ",":
        last = groups.pop()
        gaps.pop()
        groups[-1].extend(last)
