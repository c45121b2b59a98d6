"""Blind mode: what identifies a person is masked before a CV is indexed or analysed.

Masked, each with a word in brackets for what stood there:

- e-mail addresses, web addresses and telephone numbers, anywhere;
- streets with house numbers, and postal codes with their town, where they follow a street or
  stand on a line of their own;
- what follows labels such as `Name:`, `Address:`, `Geburtsdatum:`, `Nationalität:`,
  `Estado civil:` on the same line;
- the person's name: what follows `Name:`, else a first line of two to four capitalised words,
  else the parts of the e-mail address; and each of its words wherever it stands again.

Not masked: names of employers, schools and other people, gender in pronouns and titles of jobs,
photographs, the file's name. It makes a first reading fairer; it is not anonymisation.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from baukasten_core.api import TransformedText

Mask = tuple[int, int, str]

EMAIL = re.compile(r"[\w.+%-]+@[\w-]+(?:\.[\w-]+)+")
LINK = re.compile(
    r"\b(?:https?://|www\.)[^\s<>()]+|\b(?:[a-z]{2}\.)?(?:linkedin|xing|github|gitlab)\.com/[^\s<>()]+",
    re.IGNORECASE,
)
PHONE = re.compile(r"(?<![\w/.-])(?:\+|00|\(?0)[\d(][\d \t()/.-]{5,18}\d(?![\w/])")
A_DATE = re.compile(r"\b\d{1,2}[./-](?:19|20)\d\d\b|\b(?:19|20)\d\d\s*[-–]\s*(?:19|20)\d\d\b")
STREET = re.compile(
    r"\b[A-ZÄÖÜ][\wäöüß.-]*(?:straße|strasse|str\.|weg|platz|gasse|allee|ring|damm|ufer)"
    r"[ \t]+\d+[ \t]?[a-zA-Z]?\b"
    r"|\b(?:Am|An der|Auf dem|Im|Zum|Zur)[ \t]+[A-ZÄÖÜ][\wäöüß-]+[ \t]+\d+[ \t]?[a-z]?\b"
    r"(?=[ \t]*[,\n])"
    r"|\b(?:Calle|C/|Avda\.?|Avenida|Plaza|Paseo|Ronda)[ \t]+[^,\n\d]{2,40},?[ \t]*"
    r"(?:n\.?º[ \t]*)?\d+"
    r"|\b\d{1,5}[A-Za-z]?[ \t]+(?:[A-Z][\w'-]+[ \t]+){1,3}"
    r"(?:Street|St\.?|Road|Rd\.?|Avenue|Ave\.?|Lane|Drive|Square|Court|Terrace)(?!\w)"
)
TOWN = re.compile(
    r"\b(?:[A-Z]{1,2}-)?\d{4,5}[ \t]+[A-ZÄÖÜÁÉÍÓÚ][^\W\d_]+(?:[ \t]+(?:am|an der|de|de la|del|"
    r"[A-ZÄÖÜÁÉÍÓÚ][^\W\d_]+)){0,3}(?=[ \t]*(?:[,|·\n]|$))",
    re.MULTILINE,
)
LABEL = re.compile(
    r"^[ \t]*(?:[-*•·][ \t]+)?(?P<label>"
    r"(?:full |last |first |given |sur)?name|vor-? ?und nachname|vorname|"
    r"nachname|familienname|nombre(?: y apellidos| completo)?|apellidos?|address|adresse|anschrift|"
    r"wohnort|wohnhaft in|dirección|domicilio|date of birth|born|birth ?date|place of birth|"
    r"geburtsdatum|geburtsort|geboren(?: am)?|geb\.|fecha de nacimiento|lugar de nacimiento|"
    r"nationality|citizenship|nationalität|staatsangehörigkeit|nacionalidad|marital status|"
    r"familienstand|estado civil|gender|sex|geschlecht|género|sexo|religion|konfession|religión|"
    r"age|alter|edad|children|kinder|hijos)[ \t]*:[ \t]*(?P<value>[^\n]*\S)",
    re.IGNORECASE | re.MULTILINE,
)
NAME_LABELS = ("name", "nombre", "apellido")
ADDRESS_LABELS = ("address", "adresse", "anschrift", "wohn", "direcci", "domicilio")
NAME_WORD = r"[A-ZÄÖÜÁÉÍÓÚÑ][\w'’äöüßáéíóúñ-]+"
PARTICLE = r"(?:von|van|de|del|la|der|den|zu|da|di|y|bin|al|[A-Z]\.)"
FIRST_LINE = re.compile(
    rf"(?:(?:Dr|Prof|Dipl|Ing|Mr|Mrs|Ms|Herr|Frau|Sr|Sra)\b\.?[ \t-]*)*"
    rf"{NAME_WORD}(?:[ \t]+{PARTICLE}){{0,2}}(?:[ \t]+{NAME_WORD}){{1,3}}"
)
_NO_NAMES = """
curriculum vitae lebenslauf resume résumé cv profile profil perfil summary anschreiben bewerbung
application personal details persönliche daten datos personales about work experience senior
junior engineer developer manager software data head lead dr prof dipl ing mr mrs ms herr frau
sr sra teacher nurse analyst consultant entwickler entwicklerin ingeniero project
"""
NO_NAMES = frozenset(_NO_NAMES.split())
FEWEST_LETTERS = 3


def mask(text: str) -> TransformedText:
    """`text` with what identifies its person masked. Pure and repeatable."""
    found = [*_contacts(text), *_labelled(text)]
    names = _name_words(text)
    if names:
        words = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, sorted(names)))})(?!\w)")
        found += [(m.start(), m.end(), "[name]") for m in words.finditer(text)]
    return _apply(text, _without_overlaps(found))


def text_transform(text: str, config: Mapping[str, Any]) -> TransformedText:
    """The showcase's transform: masks where the project is blind."""
    if config.get("blind"):
        return mask(text)
    return TransformedText(text, range(len(text)))


def original_span(transformed: TransformedText, start: int, end: int) -> tuple[int, int]:
    """Where `start` to `end` of the transformed text stands in the original."""
    return transformed.offsets[start], transformed.offsets[end - 1] + 1


def _contacts(text: str) -> Iterator[Mask]:
    for pattern, word in ((EMAIL, "[email]"), (LINK, "[link]"), (STREET, "[address]")):
        yield from ((m.start(), m.end(), word) for m in pattern.finditer(text))
    for found in PHONE.finditer(text):
        if not A_DATE.search(found.group()) and sum(c.isdigit() for c in found.group()) >= 7:
            yield found.start(), found.end(), "[phone]"
    streets = {m.end() for m in STREET.finditer(text)}
    for found in TOWN.finditer(text):
        line_start = text.rfind("\n", 0, found.start()) + 1
        alone = not text[line_start : found.start()].strip(" \t,·|")
        near = any(0 <= found.start() - end <= 4 for end in streets)
        if alone or near:
            yield found.start(), found.end(), "[address]"


def _labelled(text: str) -> Iterator[Mask]:
    for found in LABEL.finditer(text):
        label = found["label"].lower()
        word = "[name]" if any(part in label for part in NAME_LABELS) else "[personal]"
        if any(part in label for part in ADDRESS_LABELS):
            word = "[address]"
        yield found.start("value"), found.end("value"), word


def _name_words(text: str) -> set[str]:
    """The words of the person's name, as they are written."""
    labelled = [m["value"] for m in LABEL.finditer(text) if _is_name_label(m["label"])]
    named = labelled or _first_line(text) or _from_email(text)
    whole = {word for name in named for word in re.findall(NAME_WORD, name)}
    words = whole | {part for word in whole for part in word.split("-")}
    return {
        form
        for word in words
        if len(word) >= FEWEST_LETTERS and word.lower() not in NO_NAMES
        for form in (word, word.upper(), word.capitalize())
    }


def _is_name_label(label: str) -> bool:
    return any(part in label.lower() for part in NAME_LABELS)


def _first_line(text: str) -> list[str]:
    """The first line that is not the title of the document, where it looks like a name."""
    for line in text.splitlines()[:5]:
        line = line.strip(" \t#*_|")
        words = re.findall(r"[^\W\d_]+", line.lower())
        if not words or NO_NAMES.issuperset(words):
            continue
        for title in ("Curriculum Vitae", "Lebenslauf", "Resume", "CV"):
            line = re.sub(rf"^{title}\b[\s:–-]*(?:of|von|de)?\s*", "", line, flags=re.IGNORECASE)
        first = re.split(r"\s*[,|·–]\s*|\s-\s", line)[0]
        return [first] if FIRST_LINE.fullmatch(first) or _shouted(first) else []
    return []


def _shouted(line: str) -> bool:
    words = line.split()
    return 2 <= len(words) <= 4 and all(word.isalpha() and word.isupper() for word in words)


def _from_email(text: str) -> list[str]:
    found = EMAIL.search(text)
    parts = re.split(r"[._\d+-]+", found.group().partition("@")[0]) if found else []
    return [part.capitalize() for part in parts if len(part) >= FEWEST_LETTERS]


def _without_overlaps(found: list[Mask]) -> list[Mask]:
    """Longer masks win; what they overlap goes."""
    kept: list[Mask] = []
    for start, end, word in sorted(found, key=lambda mask: (mask[0] - mask[1], mask[0])):
        if all(end <= other[0] or start >= other[1] for other in kept):
            kept.append((start, end, word))
    return sorted(kept)


def _apply(text: str, masks: list[Mask]) -> TransformedText:
    pieces: list[str] = []
    offsets: list[int] = []
    done = 0
    for start, end, word in masks:
        pieces += [text[done:start], word]
        offsets += [*range(done, start), *[start] * (len(word) - 1), end - 1]
        done = end
    pieces.append(text[done:])
    offsets += range(done, len(text))
    return TransformedText("".join(pieces), offsets)
