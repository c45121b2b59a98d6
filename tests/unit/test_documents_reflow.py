"""Lines of a PDF page become paragraphs; list items, headings and short lines stay lines."""

from __future__ import annotations

from baukasten_core.documents.reflow import reflow

LONG = "A line that is about as long as the lines of this page are when they are full,"


def test_full_lines_run_on_and_short_ones_end_a_paragraph() -> None:
    page = f"1.2 A heading\r\n{LONG}\r\n{LONG}\r\nand an end.\r\n{LONG}\r\nand another end."
    assert reflow(page) == f"1.2 A heading\n{LONG} {LONG} and an end.\n{LONG} and another end."


def test_list_items_begin_on_their_own_line() -> None:
    for marker in ("•", "-", "–", "3.", "(a)", "12)"):
        assert reflow(f"{LONG}\n{marker} {LONG}\nend") == f"{LONG}\n{marker} {LONG} end"


def test_words_broken_at_a_line_end_are_whole_again() -> None:
    """PDFium marks a hyphen at a line's end with U+0002 and has taken the break out."""
    assert reflow("Donau\x02dampfschiff") == "Donaudampfschiff"
    assert reflow("Nord\x02Süd und 1\x022") == "Nord-Süd und 1-2"
    assert reflow("ends\x02") == "ends-"


def test_short_lines_of_a_table_stay_apart() -> None:
    assert reflow("Name Price\nApple 1\nPear 2") == "Name Price\nApple 1\nPear 2"
    assert reflow("") == ""
    assert reflow("\r\n \r\n") == ""
