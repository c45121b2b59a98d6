"""Entries from text files: the date stands in the file's name or in its first line."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from baukasten_core.api import Unprocessable, clean
from baukasten_tellmelife.texts import LANGUAGES, months

ENDINGS = {".txt", ".md", ".text", ".markdown"}

ISO = re.compile(r"(?<!\d)(\d{4})[-_. ]?(\d{2})[-_. ]?(\d{2})(?!\d)")
DOTTED = re.compile(r"(?<!\d)(\d{1,2})\. ?(\d{1,2})\. ?(\d{4})(?!\d)")
NAMED = re.compile(r"(?<!\d)(\d{1,2})\.? (?:de )?([^\W\d_]+)(?: de)?,? (\d{4})(?!\d)")
AMERICAN = re.compile(r"\b([^\W\d_]+) (\d{1,2}), (\d{4})(?!\d)")
RULE = " \t-_.,:;–—#"


@dataclass(frozen=True, slots=True)
class Dated:
    """An entry read from a file."""

    date: date
    title: str
    text: str
    path: Path


def read_entries(paths: Sequence[Path]) -> list[Dated]:
    """The entries of files and folders, in order of date.

    Raises `Unprocessable` that names every file without a date, without text or that is no
    UTF-8; nothing is left out silently.
    """
    found, faults = [], []
    for path in _files(paths):
        try:
            found.append(read_entry(path))
        except ValueError as error:
            faults.append(f"{path}: {error}")
    if faults:
        raise Unprocessable(
            "\n".join(faults),
            hint="A file's name begins with its date (1962-03-03.txt, 1962-03-03 The new "
            "house.txt), or its first line holds it (3 March 1962, 03.03.1962).",
        )
    if not found:
        raise Unprocessable("There is no .txt or .md file in what was given.")
    return sorted(found, key=lambda entry: entry.date)


def read_entry(path: Path) -> Dated:
    """Raises `ValueError` with what is wrong with the file."""
    try:
        text = clean(path.read_bytes().decode("utf-8-sig")).strip()
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8; save it as UTF-8") from None
    first, _, rest = text.partition("\n")
    day, title = _from_name(path.stem)
    if day is None:
        day, title = find_date(first), title_beside(first)
        text = rest.strip()
    elif first.startswith("# "):
        title, text = first[2:].strip(), rest.strip()
    if day is None:
        raise ValueError("no date in its name or first line")
    if not text:
        raise ValueError("no text")
    return Dated(day, title, text, path)


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            files = (file for file in path.rglob("*") if file.suffix.lower() in ENDINGS)
            yield from sorted(file for file in files if file.is_file())
        else:
            yield path


def _from_name(stem: str) -> tuple[date | None, str]:
    match = ISO.match(stem)
    if match is None:
        return None, ""
    return _day(match[1], match[2], match[3]), stem[match.end() :].strip(RULE)


def find_date(line: str) -> date | None:
    """The date in a line, as ISO, with points, or with the month's name in one of our languages."""
    if match := ISO.search(line):
        return _day(match[1], match[2], match[3])
    if match := DOTTED.search(line):
        return _day(match[3], match[2], match[1])
    if match := NAMED.search(line):
        return _day(match[3], _month(match[2]), match[1])
    if match := AMERICAN.search(line):
        return _day(match[3], _month(match[1]), match[2])
    return None


def title_beside(line: str) -> str:
    """What stands in the line beside its date."""
    for pattern in (ISO, DOTTED, NAMED, AMERICAN):
        if match := pattern.search(line):
            return (
                line[: match.start()].strip(RULE) + " " + line[match.end() :].strip(RULE)
            ).strip()
    return ""


def _month(name: str) -> int:
    folded = name.casefold()
    for language in LANGUAGES:
        for number, month in enumerate(months(language), 1):
            if month.casefold() == folded:
                return number
    return 0


def _day(year: str | int, month: str | int, day: str | int) -> date | None:
    try:
        return date(int(year), int(month), int(day))
    except ValueError:
        return None
