"""What the template is given: words only, no markup."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from baukasten_core.api import Heading, PageBreak, Paragraph
from baukasten_tellmelife.models import Book, Chapter, Entry
from baukasten_tellmelife.own_words import title_of
from baukasten_tellmelife.texts import MESSAGES, written_date

Written = Sequence[tuple[Entry, Chapter]]

PARTS = 3
"""Years get pages of their own when they hold so many chapters on average."""

LONG_ADDRESS = re.compile(r"(?=\S*[^\w\s-]\S|\S*\d)\S{28,}|\S{60,}")
"""What hyphenation can't divide: an address, a number, or what is no word at all."""
PIECE = 14


def book_data(book: Book, chapters: Written, *, missing: Sequence[str] = ()) -> dict[str, Any]:
    """The book for `templates/book.typ`."""
    years = {entry.date.year for entry, _ in chapters}
    return {
        "title": book.title,
        "subtitle": book.subtitle,
        "author": book.author,
        "dedication": book.dedication,
        "years": _years(book.language, min(years), max(years)),
        "parts": len(years) > 1 and len(chapters) >= PARTS * len(years),
        "contents": MESSAGES.translate(book.language, "book.contents"),
        "chapters": [_chapter(book, entry, chapter) for entry, chapter in chapters],
        "about": _about(book, chapters, missing),
    }


def manuscript(book: Book, chapters: Written) -> list[Heading | Paragraph | PageBreak]:
    """The book as a text to go on working with, for `render_docx`."""
    blocks: list[Heading | Paragraph | PageBreak] = [Heading(book.title)]
    blocks += [Paragraph(text, italic=True) for text in (book.subtitle, book.author) if text]
    for entry, chapter in chapters:
        shown = _chapter(book, entry, chapter)
        blocks += [PageBreak(), Heading(shown["title"], 2), Paragraph(shown["date"], italic=True)]
        blocks += [Paragraph(text) for text in [*shown["paragraphs"], *shown.get("failed", [])]]
    return blocks


def _years(language: str, first: int, last: int) -> str:
    if first == last:
        return str(first)
    return MESSAGES.translate(language, "book.years", first=first, last=last)


def _chapter(book: Book, entry: Entry, chapter: Chapter) -> dict[str, Any]:
    day = written_date(entry.language, entry.date)
    shown = {"date": day, "year": str(entry.date.year), "language": entry.language}
    if chapter.status == "ready":
        paragraphs = [breakable(text) for text in chapter.text.split("\n\n")]
        return {**shown, "title": breakable(chapter.title), "paragraphs": paragraphs}
    reason = MESSAGES.translate(book.language, "book.failed.reason", reason=chapter.error)
    return {
        **shown,
        "title": breakable(entry.title or title_of(entry.text, entry.date, entry.language)),
        "paragraphs": [],
        "failed": [MESSAGES.translate(book.language, "book.failed"), reason],
    }


def _about(book: Book, chapters: Written, missing: Sequence[str]) -> dict[str, Any]:
    """The last page: how the book was made, and what its reader should know."""

    def say(key: str, **values: object) -> str:
        return MESSAGES.translate(book.language, f"book.about.{key}", **values)

    ready = [chapter for _, chapter in chapters if chapter.status == "ready"]
    methods = Counter(chapter.method for chapter in ready)
    models = sorted({str(c.meta.get("model")) for c in ready if c.method == "llm"})
    failed = [(e, c) for e, c in chapters if c.status == "failed"]
    doubtful = [(c.title, c.unverified) for c in ready if c.unverified]
    notes: list[dict[str, Any]] = []
    if methods["extractive"]:
        notes.append({"text": say("extractive", count=methods["extractive"])})
    if methods["llm"]:
        notes.append({"text": say("llm", count=methods["llm"], models=", ".join(models))})
    if failed:
        days = [written_date(book.language, entry.date) for entry, _ in failed]
        notes.append({"text": say("failed", count=len(failed)), "items": days})
    if doubtful:
        items = [f"{title}: {', '.join(found)}" for title, found in doubtful]
        count = sum(len(found) for _, found in doubtful)
        notes.append({"text": say("unverified", count=count), "items": items})
    if missing:
        # By number: the characters themselves are what can't be printed.
        named = ", ".join(f"U+{ord(character):04X}" for character in missing)
        notes.append({"text": say("missing", characters=named)})
    notes.append({"text": say("set")})
    return {"title": MESSAGES.translate(book.language, "book.about"), "notes": notes}


def breakable(text: str) -> str:
    """Long addresses and the like with places where a line may end, so that none runs off the
    page."""
    return LONG_ADDRESS.sub(lambda match: "\u200b".join(_pieces(match[0])), text)


def _pieces(word: str) -> list[str]:
    return [word[at : at + PIECE] for at in range(0, len(word), PIECE)]
