"""The confined side: `python -m baukasten_core.render.typst_process`.

The request (JSON, see `pdf._request`) comes on standard input. The answer goes to standard
output: one line of JSON, then the PDF. Before it looks at the template, this process gives up
the network and every file but the template's folder and fonts.
"""

from __future__ import annotations

import json
import re
import sys
import sysconfig
import unicodedata
from pathlib import Path
from typing import Any, Literal

import typst

from baukasten_core import confine
from baukasten_core.render.pdf import MEMORY_EXIT

SYSTEM_FONTS = ("/usr/share/fonts", "/usr/local/share/fonts", "/System/Library/Fonts")
NO_GLYPH = re.compile(r'the text `"((?:[^"\\]|\\.)*)"` could not be displayed')
CODE_POINT = re.compile(r"\\u\{([0-9a-f]{1,6})\}")
QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
NAME = re.compile(r'"[A-Za-z_][\w-]{0,40}"')


def main() -> None:
    request: dict[str, Any] = json.load(sys.stdin.buffer)
    confine_to(request)
    try:
        header, content = answer(request)
    except MemoryError:
        sys.exit(MEMORY_EXIT)
    sys.stdout.buffer.write(json.dumps(header).encode() + b"\n" + content)


def confine_to(request: dict[str, Any]) -> None:
    """From here on: little time and memory, no network, and only the template's folder."""
    confine.die_with_parent()
    confine.go_first()
    confine.limit(
        address_space=confine.address_space() + request["memory_bytes"],
        file_bytes=0,
        seconds=request["seconds"],
    )
    confine.without_network()
    libraries = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib")}
    folder = str(Path(request["template"]).parent)
    confine.read_only({*libraries, folder, *request["fonts"], *SYSTEM_FONTS})


def answer(request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """What goes back: the header and the PDF."""
    try:
        content, missing = compiled(request)
    except typst.TypstError as error:
        return {"error": without_content(error), "hint": "; ".join(error.hints) or None}, b""
    if len(content) > request["pdf_bytes"]:
        return {"too_large": len(content)}, b""
    return {"pages": page_count(content), "missing": missing}, content


def compiled(request: dict[str, Any]) -> tuple[bytes, list[str]]:
    """The PDF, and the characters no font can show. PDF/UA-1 refuses those, so with any of them
    the document is made without that label."""
    try:
        return compile_once(request, "ua-1"), []
    except typst.TypstError as error:
        texts = NO_GLYPH.findall(error.diagnostic)
        if not texts:
            raise
    missing = set("".join(map(unescaped, texts)))
    return compile_once(request, None), sorted(filter(visible, missing))


def unescaped(text: str) -> str:
    """A string as Rust prints it, as it was."""
    text = CODE_POINT.sub(lambda match: chr(int(match[1], 16)), text)
    return re.sub(r"\\(.)", r"\1", text)


def visible(character: str) -> bool:
    """Whether it should leave a mark: joiners, direction marks and the like don't."""
    return unicodedata.category(character) not in {"Cf", "Cc", "Mn"}


def compile_once(request: dict[str, Any], standard: Literal["ua-1"] | None) -> bytes:
    template = Path(request["template"])
    content: bytes = typst.compile(
        template,
        root=template.parent,
        font_paths=typst.Fonts(font_paths=[Path(folder) for folder in request["fonts"]]),
        sys_inputs={"data": request["data"], "language": request["language"]},
        pdf_standards=standard,
        # No such folders: a template can't fetch a package.
        package_path="/nonexistent",
        package_cache_path="/nonexistent",
    )
    return content


def without_content(error: typst.TypstError) -> str:
    """The message without anything it quotes, unless that looks like a name in the template:
    errors are logged and stored, and what people wrote must not be."""
    if error.message.startswith("panicked"):
        return "it panicked"
    return QUOTED.sub(hidden, error.message)[:300]


def hidden(quote: re.Match[str]) -> str:
    return quote[0] if NAME.fullmatch(quote[0]) else '"…"'


def page_count(content: bytes) -> int:
    """From the page tree's root, which Typst writes plainly."""
    return max((int(count) for count in re.findall(rb"/Count (\d+)", content)), default=0)


if __name__ == "__main__":
    main()
