"""Cleaning text, DOCX and message catalogues."""

from __future__ import annotations

import io
import json
from pathlib import Path

import docx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from baukasten_core.render.catalogues import Messages
from baukasten_core.render.clean import clean, cleaned
from baukasten_core.render.docx import Bullets, Heading, PageBreak, Paragraph, render_docx


def test_control_characters_and_surrogates_go_and_everything_else_stays() -> None:
    assert (
        clean("a\x00b\x07c\ud800d\r\ne\u2028f\tg ü 漢 \u202e") == "abc\ufffdd\ne\nf\tg ü 漢 \u202e"
    )


@given(st.text())
def test_cleaned_text_is_encodable_and_cleaning_again_changes_nothing(text: str) -> None:
    once = clean(text)
    once.encode()
    assert clean(once) == once


def test_cleaning_reaches_into_lists_and_mappings() -> None:
    assert cleaned({"a\x00": ["b\x00", {"c": 1}], "d": None}) == {"a": ["b", {"c": 1}], "d": None}


async def test_docx_holds_the_blocks_in_order_with_their_styles() -> None:
    content = await render_docx(
        [
            Heading("One"),
            Paragraph("Text with \x00 a NUL <w:p/> and\na new line"),
            Bullets(("a", "b")),
            Bullets(("1", "2"), numbered=True),
            PageBreak(),
            Heading("Two", 2),
        ],
        title="Title",
        language="de",
        author="Somebody",
    )
    document = docx.Document(io.BytesIO(content))
    written = [(p.style.name, p.text) for p in document.paragraphs if p.style and p.text.strip()]
    assert written == [
        ("Heading 1", "One"),
        ("Normal", "Text with  a NUL <w:p/> and\na new line"),
        ("List Bullet", "a"),
        ("List Bullet", "b"),
        ("List Number", "1"),
        ("List Number", "2"),
        ("Heading 2", "Two"),
    ]
    assert (document.core_properties.title, document.core_properties.language) == ("Title", "de")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    texts = {"en": {"hello": "Hello {name}", "bye": "Bye"}, "de": {"hello": "Hallo {name}"}}
    for language, catalogue in texts.items():
        (tmp_path / f"{language}.json").write_text(json.dumps(catalogue))
    return tmp_path


def test_a_text_comes_in_its_language_and_in_english_where_there_is_none(folder: Path) -> None:
    messages = Messages(folder)
    assert messages.translate("de", "hello", name="Welt") == "Hallo Welt"
    assert messages.translate("fr", "hello", name="world") == "Hello world"
    with pytest.raises(KeyError):
        messages.translate("en", "hello")


def test_what_a_catalogue_lacks_is_found(folder: Path) -> None:
    assert Messages(folder).faults() == ["de: bye stands in one language only"]
    (folder / "de.json").write_text(json.dumps({"hello": "Hallo {wer}", "bye": "Tschüss"}))
    assert Messages(folder).faults() == ["de: hello has other placeholders"]
