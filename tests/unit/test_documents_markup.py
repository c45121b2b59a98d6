"""All of an HTML file's text comes out, in lines and paragraphs."""

from __future__ import annotations

import pytest

from baukasten_core.documents.markup import read_markup


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("<p>One</p><p>Two\n   words</p>", "One\n\nTwo words"),
        ("a <b>bold</b>, <i>it</i>alic<br>line", "a bold, italic\nline"),
        ("<div>one</div><div>two</div>", "one\ntwo"),
        ("<ul><li>one<li>two</ul>after", "one\ntwo\n\nafter"),
        ("<table><tr><td>1<td>2<tr><td>3</table>", "1\t2\n3"),
        ("<pre>a  b\n  c</pre>d", "a  b\n  c\n\nd"),
        ("A &amp; B&nbsp;C <!-- no --> D", "A & B\u00a0C D"),
        ("<form><p>in a form</form><header>h</header><aside>s</aside>", "in a form\n\nh\n\ns"),
        ("<script>no()</script><style>no{}</style>text<noscript>no</noscript>", "text"),
        ("<nav><a href=x>Menu</a></nav><p>Some words.</p>", "Some words."),
        ("<nav>Menu<p>Words after a navigation nobody closed.", "Menu\n\nWords after a navigation"),
        ("", ""),
    ],
)
def test_text(body: str, text: str) -> None:
    found = read_markup(f"<html><head><title>T</title></head><body>{body}</body></html>")
    assert found.text.startswith(text)
    assert bool(found.text) == bool(text)


def test_title_and_language() -> None:
    found = read_markup('<?xml version="1.0" encoding="latin-1"?><html lang="de"><title>Ä</title>ö')
    assert (found.title, found.language, found.text) == ("Ä", "de", "ö")


@pytest.mark.parametrize("page", ["", " ", "<", "<!-- -->", "plain words"])
def test_anything_is_a_page(page: str) -> None:
    assert read_markup(page).text in ("", "<", "plain words")
