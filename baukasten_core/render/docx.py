"""DOCX through python-docx: a document is a sequence of blocks, made without any office software.

content = await render_docx(
    [Heading("Report"), Paragraph("Two things were found."), Bullets(("one", "two"))],
    title="Report",
    language="en",
)
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from baukasten_core.render.clean import clean

if TYPE_CHECKING:
    from docx.document import Document

TAGS = {"de": "de-DE", "en": "en-GB", "es": "es-ES"}
"""Word wants a region with the language; others are passed as they are."""


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading; `level` 1 to 6 (1 is a chapter)."""

    text: str
    level: int = 1


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Running text; a newline in it is a line break."""

    text: str
    italic: bool = False


@dataclass(frozen=True, slots=True)
class Bullets:
    """A list, numbered where `numbered`."""

    items: tuple[str, ...]
    numbered: bool = False


@dataclass(frozen=True, slots=True)
class PageBreak:
    """What follows begins on a new page."""


Block = Heading | Paragraph | Bullets | PageBreak


async def render_docx(
    blocks: Sequence[Block], *, title: str, language: str, author: str = ""
) -> bytes:
    """The document as DOCX. Control characters and lone surrogates are taken out."""
    return await asyncio.to_thread(_render, blocks, title, language, author)


def _render(blocks: Sequence[Block], title: str, language: str, author: str) -> bytes:
    import docx

    document = docx.Document()
    properties = document.core_properties
    properties.title, properties.author, properties.comments = clean(title), clean(author), ""
    properties.language = language
    _set_language(document, TAGS.get(language, language))
    for block in blocks:
        _add(document, block)
    buffer = io.BytesIO()
    document.save(buffer)
    return buffer.getvalue()


def _add(document: Document, block: Block) -> None:
    match block:
        case Heading(text, level):
            document.add_heading(clean(text), min(max(level, 1), 6))
        case Paragraph(text, italic):
            document.add_paragraph().add_run(clean(text)).italic = italic or None
        case Bullets(items, numbered):
            for item in items:
                document.add_paragraph(clean(item), "List Number" if numbered else "List Bullet")
        case PageBreak():
            add_page_break: Any = document.add_page_break  # untyped there
            add_page_break()


def _set_language(document: Document, tag: str) -> None:
    """The proofing and hyphenation language of the whole text."""
    from docx.oxml.ns import qn

    for element in document.styles.element.iter(qn("w:lang")):
        attributes: Any = element
        attributes.set(qn("w:val"), tag)
