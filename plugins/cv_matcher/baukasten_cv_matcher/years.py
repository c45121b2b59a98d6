"""Years that a requirement asks for, and years that a CV spells out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from baukasten_core.api import Span

NUMBERS = {
    **{"two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "eight": 8, "ten": 10},
    **{"zwei": 2, "drei": 3, "vier": 4, "fünf": 5, "sechs": 6, "acht": 8, "zehn": 10},
    **{"dos": 2, "tres": 3, "cuatro": 4, "cinco": 5, "seis": 6, "ocho": 8, "diez": 10},
}
REACH = 8
"""Lines above a line in which the heading of its position is looked for."""

YEARS = re.compile(
    rf"\b(\d{{1,2}}|{'|'.join(NUMBERS)})\+?(?:\s*(?:-|–|to|bis|a)\s*\d{{1,2}})?\s*\+?\s*"
    r"(?:or more |oder mehr |o más )?(?:years?|yrs?|jahren?|jahre|años?)\b",
    re.IGNORECASE,
)
RANGE = re.compile(
    r"\b((?:19|20)\d\d)\s*(?:-|–|—|to|bis|until|hasta|a)\s*(?:\d{1,2}[./])?"
    r"((?:19|20)\d\d|present|today|now|current|heute|jetzt|aktuell|actualidad|hoy|presente)\b",
    re.IGNORECASE,
)
SECTION = re.compile(
    r"[-•*#\s]*(?:(?:technical |it-? ?|key |core |other )?skills|education|languages?|interests|"
    r"hobbies|certificates|certifications|references|profile|summary|(?:work |professional )?"
    r"experience|employment|publications|volunteering|"
    r"(?:edv-? ?|it-? ?|fach|sprach)?kenntnisse|fähigkeiten|ausbildung|studium|schulbildung|"
    r"weiterbildung|sprachen|interessen|zertifikate|referenzen|profil|berufserfahrung|"
    r"berufspraxis|werdegang|ehrenamt|stärken|datenbanken|databases|"
    r"conocimientos|habilidades|competencias|formación|educación|idiomas|intereses|certificados|"
    r"referencias|perfil|experiencia(?: laboral| profesional)?)\b(?=[^\n]{0,24}$|[^\n]{0,12}:)",
    re.IGNORECASE | re.MULTILINE,
)
"""What a section of a CV begins with: the dates above it are about something else."""
SINCE = re.compile(r"\b(?:since|seit|desde)\s+(?:\d{1,2}[./]|[^\W\d_]+\s+)?((?:19|20)\d\d)\b", re.I)


@dataclass(frozen=True, slots=True)
class Period:
    """How many years something took, and the sentence that says so."""

    years: int
    sentence: int


def periods(text: str, spans: Sequence[Span], now: int) -> list[Period | None]:
    """For each sentence, the years that it speaks of: those it spells out itself (`6 years`,
    `2015 - 2021`, `since 2019`), else those of the nearest line above it, which in a CV is the
    heading of the position, else those of the line below."""
    own = [max(_years(span.of(text), now), default=None) for span in spans]
    opens = [SECTION.match(text, span.start) is not None for span in spans]
    found: list[Period | None] = []
    for index in range(len(own)):
        said = (Period(own[i] or 0, i) for i in _near(index, opens) if own[i] is not None)
        found.append(next(said, None))
    return found


def _near(index: int, opens: Sequence[bool]) -> Iterator[int]:
    """The line, those above it up to the beginning of its section, and the one below."""
    for place in range(index, max(-1, index - REACH - 1), -1):
        yield place
        if opens[place]:
            break
    if index + 1 < len(opens) and not opens[index + 1]:
        yield index + 1


def without_years(requirement: str) -> str:
    """The requirement with the years that it asks for blanked out."""
    return YEARS.sub(lambda found: " " * len(found.group()), requirement)


def years_asked(requirement: str) -> int | None:
    """`At least 5 years` asks for 5."""
    found = YEARS.search(requirement)
    return _number(found.group(1)) if found else None


def _years(text: str, now: int) -> Iterator[int]:
    for found in YEARS.finditer(text):
        yield _number(found.group(1))
    for found in RANGE.finditer(text):
        end = int(found.group(2)) if found.group(2).isdigit() else now
        if int(found.group(1)) <= end:
            yield end - int(found.group(1))
    for found in SINCE.finditer(text):
        yield max(0, now - int(found.group(1)))


def _number(text: str) -> int:
    return NUMBERS.get(text.lower()) or int(text)
