"""One function a format, bytes to text. Runs in the sandboxed process only."""

from __future__ import annotations

import os
import re
import secrets
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from baukasten_core.documents import detect
from baukasten_core.documents.archives import guard
from baukasten_core.documents.checks import (
    SPLIT_IT,
    check_pages,
    checked,
    too_large,
    too_much_memory,
)
from baukasten_core.documents.decode import decode
from baukasten_core.documents.limits import MIB, Limits
from baukasten_core.documents.markup import read_markup
from baukasten_core.documents.plain import read_plain
from baukasten_core.documents.reflow import reflow
from baukasten_core.documents.text import Extracted, join_pages, normalize
from baukasten_core.documents.wire import FileInfo, Request, Result
from baukasten_core.errors import Unprocessable

QUICK_BYTES = 2 * MIB
QUICK_PAGES = 50
_PROGRAM_NAMES = {"pdf": "PDF", "html": "HTML", "eml": "mail"}
_METADATA = {"authors": "author", "created_at": "created", "modified_at": "modified"}

_SMALLEST_PDF = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
    b"2 0 obj<</Type/Pages/Count 1/Kids[3 0 R]>>endobj\n"
    b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>endobj\n"
    b"trailer<</Root 1 0 R>>\n%%EOF\n"
)


def load() -> None:
    """Import the reading libraries, before the process gives up the file system."""
    import charset_normalizer
    import trafilatura

    # trafilatura reads its lists at first use; the first page of all is ours.
    page = "<html><body><article>" + "<p>Words of a page that is read once.</p>" * 9
    trafilatura.bare_extraction(page + "</article></body></html>", with_metadata=True)
    charset_normalizer.from_bytes("Größe".encode("cp1252") * 20)
    with tempfile.TemporaryDirectory() as folder:
        # kreuzberg unpacks PDFium into the temporary folder and loads it from there: ours is
        # new and nobody else's, so that no other user can have put a library there.
        os.environ["TMPDIR"] = folder
        if _pdf_pages(_SMALLEST_PDF, Limits()) != 1:
            raise RuntimeError("PDFium does not work here")


def handle(request: Request, data: bytes, early: Callable[[Result], None]) -> Result:
    """What was asked about the file's bytes. `early` is told what is known before a small file
    is read whole, in case that takes too long for a quick look.
    """
    limits = request.limits
    if len(data) > limits.file_bytes:
        raise too_large(limits)
    kind = detect.detect(data, request.hints)
    pages = _check(kind, data, limits)
    if request.task == "extract":
        return _read(kind, data, request)
    info = FileInfo(kind.name, kind.media_type, len(data), pages)
    if len(data) > QUICK_BYTES or (pages or 0) > QUICK_PAGES:
        return info
    early(info)  # read whole, so that "no text in it" is said before the file is accepted
    document = _read(kind, data, request)
    return replace(info, title=document.title, pages=len(document.pages) or None)


def _check(kind: detect.FileType, data: bytes, limits: Limits) -> int | None:
    """What must be said before the file is read: broken, encrypted, a bomb, too many pages."""
    if kind.name == "pdf":
        pages = _pdf_pages(data, limits)
        check_pages(pages, limits)
        return pages
    if kind.name in ("docx", "odt", "pptx", "xlsx"):
        guard(data, limits)
    return None


def _read(kind: detect.FileType, data: bytes, request: Request) -> Extracted:
    if kind.name in ("text", "markdown"):
        document = read_plain(data, kind, request.hints.charset)
    elif kind.name == "html":
        document = _html(data, request)
    else:
        document = _READERS[kind.name](data, kind, request.limits)
    return checked(document, request.limits)


# --- kreuzberg ------------------------------------------------------------------------------


def _kreuzberg(
    data: bytes, kind: detect.FileType, limits: Limits, marker: str | None = None
) -> Any:
    import kreuzberg

    config = kreuzberg.ExtractionConfig(
        use_cache=False,
        enable_quality_processing=False,
        pages=kreuzberg.PageConfig(
            extract_pages=True, insert_page_markers=marker is not None, marker_format=marker
        ),
        concurrency=kreuzberg.ConcurrencyConfig(max_threads=1),
    )
    try:
        return kreuzberg.extract_bytes_sync(data, kind.media_type, config)
    except Exception as error:  # its own, and whatever else a broken file brings about
        raise _explained(str(error), kind, limits) from None


def _explained(reason: str, kind: detect.FileType, limits: Limits) -> Unprocessable:
    lower = reason.lower()
    if "password" in lower or "encrypted" in lower:
        return detect.encrypted()
    if "out of memory" in lower or "memory allocation" in lower:
        return too_much_memory(limits)
    if "security limit" in lower or "limit exceeded" in lower:
        return Unprocessable("The file unpacks to more than may be read here.", hint=SPLIT_IT)
    return detect.broken(_PROGRAM_NAMES.get(kind.name, kind.name.upper()))


def _pdf_pages(data: bytes, limits: Limits) -> int:
    """How many pages; opens the file without reading them."""
    import kreuzberg

    copy = os.memfd_create("document")
    try:
        with os.fdopen(os.dup(copy), "wb") as file:
            file.write(data)
        return len(kreuzberg.PdfPageIterator(f"/proc/self/fd/{copy}", dpi=10))
    except (RuntimeError, kreuzberg.KreuzbergError) as error:
        raise _explained(str(error), detect.kind("pdf"), limits) from None
    finally:
        os.close(copy)


def _pdf(data: bytes, kind: detect.FileType, limits: Limits) -> Extracted:
    result = _kreuzberg(data, kind, limits)
    pages = sorted(result.pages or (), key=lambda page: page["page_number"])
    text, starts = join_pages(reflow(page["content"]) for page in pages)
    return _extracted(text, kind, starts, result.metadata)


def _flowing(data: bytes, kind: detect.FileType, limits: Limits) -> Extracted:
    """DOCX and ODT: their pages come to be when they are printed, so none are reported."""
    result = _kreuzberg(data, kind, limits)
    return _extracted(normalize(result.content), kind, (), result.metadata)


def _mail(data: bytes, kind: detect.FileType, limits: Limits) -> Extracted:
    """Headers that matter, the text, and the names of attachments, which are not opened."""
    result = _kreuzberg(data, kind, limits)
    names = [str(name) for name in result.metadata.get("attachments") or ()]
    text = normalize(result.content)
    if names:
        text += "\n\n" + normalize("Attachments: " + ", ".join(names))
    metadata = {**result.metadata, "title": result.metadata.get("subject")}
    return _extracted(text, kind, (), metadata)


def _slides(data: bytes, kind: detect.FileType, limits: Limits) -> Extracted:
    # The boundaries that kreuzberg reports drift where slides have notes; its markers don't.
    # A file can't know what they look like.
    mark = secrets.token_hex(16)
    result = _kreuzberg(data, kind, limits, marker=f"\n\n{mark}{{page_num}}.\n\n")
    before, *pages = re.split(rf"\s*{mark}\d+\.\s*", result.content)
    text, starts = join_pages(pages or [before])
    return _extracted(text, kind, starts, result.metadata)


def _sheets(data: bytes, kind: detect.FileType, limits: Limits) -> Extracted:
    """Each sheet a page: its name, then a line a row, cells apart by tabs."""
    result = _kreuzberg(data, kind, limits)
    names = [str(name) for name in result.metadata.get("sheet_names") or ()]
    rows: dict[int, list[str]] = {}
    for table in result.tables:
        lines = (_row(cells) for cells in table.cells)
        rows.setdefault(table.page_number, []).extend(line for line in lines if line)
    if not any(rows.values()):
        return Extracted("", kind.media_type)
    count = max([len(names), *rows])
    pages = ("\n".join([*names[n : n + 1], *rows.get(n + 1, ())]) for n in range(count))
    text, starts = join_pages(pages)
    return _extracted(text, kind, starts, result.metadata)


def _row(cells: Iterable[str]) -> str:
    return "\t".join(" ".join(cell.split()) for cell in cells).rstrip("\t")


_READERS: Mapping[str, Callable[[bytes, detect.FileType, Limits], Extracted]] = {
    "pdf": _pdf,
    "docx": _flowing,
    "odt": _flowing,
    "pptx": _slides,
    "xlsx": _sheets,
    "eml": _mail,
}


# --- web pages ------------------------------------------------------------------------------


def _html(data: bytes, request: Request) -> Extracted:
    """A file's whole text; of a page from the web the main text, where one can be told."""
    kind = detect.kind("html")
    page = decode(data, charset=request.hints.charset) or ""
    if request.hints.url:
        main = _main_text(page, request.hints.url, kind)
        if main is not None:
            return main
    found = read_markup(normalize(page))
    metadata = {"title": found.title, "language": found.language}
    return _extracted(normalize(found.text), kind, (), metadata)


def _main_text(page: str, url: str, kind: detect.FileType) -> Extracted | None:
    import trafilatura

    found: Any = trafilatura.bare_extraction(
        normalize(page), url=url, with_metadata=True, include_comments=False
    )
    if found is None or not (found.text or "").strip():
        return None
    metadata = {"authors": found.author, "created_at": found.date, "language": found.language}
    return _extracted(normalize(found.text), kind, (), {"title": found.title, **metadata})


# --- what a document says about itself --------------------------------------------------------


def _extracted(
    text: str, kind: detect.FileType, pages: tuple[int, ...], metadata: Mapping[str, Any]
) -> Extracted:
    """The document with its title and what is known and short of its metadata."""
    core = {**(metadata.get("core_properties") or {}), **metadata}
    core.setdefault("authors", core.get("creator"))
    core.setdefault("created_at", core.get("created"))
    kept = {}
    for key in ("authors", "created_at", "modified_at", "language"):
        value = _short(core.get(key))
        if value:
            kept[_METADATA.get(key, key)] = value
    return Extracted(text.strip("\n"), kind.media_type, pages, _short(core.get("title")), kept)


def _short(value: Any) -> str | None:
    if isinstance(value, list | tuple):
        value = ", ".join(str(item) for item in value)
    text = " ".join(normalize(str(value)).split())[:300] if value else ""
    return text or None
