"""An HTML file's whole text. Nothing is left out because of the element it stands in, but
scripts, styles and navigation.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

_HIDDEN = frozenset({"script", "style", "template", "noscript", "title", "svg", "iframe", "object"})
_PARAGRAPHS = frozenset(
    ("p", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "pre", "table", "ul", "ol", "dl")
) | frozenset(("section", "article", "figure", "header", "footer", "aside", "nav", "form", "hr"))
_LINES = frozenset(("div", "li", "tr", "dt", "dd", "br", "option", "caption", "address", "main"))
_CELLS = frozenset(("td", "th"))
_SPACE = re.compile(r"[ \t\n\f\r]+")


@dataclass(frozen=True, slots=True)
class Markup:
    """What an HTML file says."""

    text: str
    title: str | None
    language: str | None


def read_markup(page: str) -> Markup:
    """The page's text, a line a block, and what it says about itself.

    Navigation is left out, unless it is more than the rest: then somebody forgot to close it.
    """
    from lxml import etree, html

    parser = html.HTMLParser(
        encoding="utf-8", remove_comments=True, remove_pis=True, huge_tree=True
    )
    try:
        root = html.document_fromstring(page.encode("utf-8", "replace"), parser=parser)
    except etree.ParserError:
        return Markup("", None, None)
    everything, rest = _text(root, _HIDDEN), _text(root, _HIDDEN | {"nav"})
    text = rest if 2 * len(rest) >= len(everything) else everything
    return Markup(text, root.findtext(".//title"), root.get("lang"))


def _text(root: Any, hidden: frozenset[str]) -> str:
    from lxml import etree

    out, skipping = _Lines(), None
    for event, element in etree.iterwalk(root, events=("start", "end")):
        tag = element.tag if isinstance(element.tag, str) else ""
        if event == "start":
            if skipping is None and tag in hidden:
                skipping = element
            if skipping is None:
                out.begin(tag)
                out.add(element.text)
            continue
        if skipping is None:
            out.end(tag)
        if skipping is element:
            skipping = None
        if skipping is None:
            out.add(element.tail)
    return out.text()


@dataclass(slots=True)
class _Lines:
    """Text that grows, with white space as a browser would show it."""

    _pieces: list[str] = field(default_factory=list)
    _pending: str = ""
    _verbatim: int = 0

    def begin(self, tag: str) -> None:
        self._break(tag)
        self._verbatim += tag == "pre"

    def end(self, tag: str) -> None:
        self._verbatim -= tag == "pre"
        if tag != "br":
            self._break(tag)

    def add(self, text: str | None) -> None:
        if not text:
            return
        if self._verbatim:
            self._flush()
            self._pieces.append(text)
            return
        words = _SPACE.sub(" ", text)
        if words.startswith(" "):
            self._pending = self._pending or " "
        if stripped := words.strip(" "):
            self._flush()
            self._pieces.append(stripped)
            self._pending = " " if words.endswith(" ") else ""

    def text(self) -> str:
        return "".join(self._pieces).strip("\n")

    def _break(self, tag: str) -> None:
        if tag in _PARAGRAPHS:
            self._pending = "\n\n"
        elif tag in _LINES and self._pending != "\n\n":
            self._pending = "\n"
        elif tag in _CELLS and "\n" not in self._pending:
            self._pending = "\t"

    def _flush(self) -> None:
        if self._pieces:
            self._pieces.append(self._pending)
        self._pending = ""
