"""Plain text and Markdown: kept as they are, but for normalisation."""

from __future__ import annotations

import re

from baukasten_core.documents.decode import decode
from baukasten_core.documents.detect import FileType
from baukasten_core.documents.text import Extracted, normalize

_HEADING = re.compile(r"^#[ \t]+(.+?)[ \t#]*$", re.MULTILINE)


def read_plain(data: bytes, kind: FileType, charset: str | None = None) -> Extracted:
    """The text of a file whose bytes were found to be text."""
    text = normalize(decode(data, charset=charset) or "")
    heading = _HEADING.search(text[:10_000]) if kind.name == "markdown" else None
    return Extracted(text, kind.media_type, title=heading[1][:300] if heading else None)
