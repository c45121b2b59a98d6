"""What a file really is, by its content. A name is at most a hint between kinds of plain text.

A wrongly named but readable file is read as what it is; a name never makes a file readable.
"""

from __future__ import annotations

import io
import re
import zipfile
from dataclasses import dataclass

from baukasten_core.documents.decode import decode
from baukasten_core.errors import Unprocessable, UnsupportedType


@dataclass(frozen=True, slots=True)
class FileType:
    """A format: its short name, media type and usual suffixes."""

    name: str
    media_type: str
    suffixes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Hints:
    """What somebody says about a file; it decides between kinds of text, never more.

    `url`, `media_type` and `charset` are what a web server said.
    """

    filename: str = ""
    url: str | None = None
    media_type: str = ""
    charset: str | None = None


_OFFICE = "application/vnd.openxmlformats-officedocument."
SUPPORTED: tuple[FileType, ...] = (
    FileType("pdf", "application/pdf", (".pdf",)),
    FileType("docx", _OFFICE + "wordprocessingml.document", (".docx", ".docm")),
    FileType("odt", "application/vnd.oasis.opendocument.text", (".odt",)),
    FileType("pptx", _OFFICE + "presentationml.presentation", (".pptx", ".pptm")),
    FileType("xlsx", _OFFICE + "spreadsheetml.sheet", (".xlsx", ".xlsm")),
    FileType("html", "text/html", (".html", ".htm", ".xhtml")),
    FileType("eml", "message/rfc822", (".eml",)),
    FileType("markdown", "text/markdown", (".md", ".markdown")),
    FileType("text", "text/plain", (".txt", ".text", ".csv", ".log", ".json", ".xml")),
)
"""Everything that can be read."""

_BY_NAME = {kind.name: kind for kind in SUPPORTED}
READABLE = "PDF, DOCX, ODT, PPTX, XLSX, HTML, EML, Markdown and plain text"

# What is recognised only to be named when it is refused.
_FOREIGN: tuple[tuple[bytes, int, str], ...] = (
    (b"\x1f\x8b", 0, "a gzip archive"),
    (b"BZh", 0, "a bzip2 archive"),
    (b"\xfd7zXZ\x00", 0, "an xz archive"),
    (b"7z\xbc\xaf\x27\x1c", 0, "a 7-Zip archive"),
    (b"Rar!\x1a\x07", 0, "a RAR archive"),
    (b"\x28\xb5\x2f\xfd", 0, "a Zstandard archive"),
    (b"ustar", 257, "a tar archive"),
    (b"\x89PNG\r\n\x1a\n", 0, "a PNG image"),
    (b"\xff\xd8\xff", 0, "a JPEG image"),
    (b"GIF8", 0, "a GIF image"),
    (b"II*\x00", 0, "a TIFF image"),
    (b"MM\x00*", 0, "a TIFF image"),
    (b"WEBP", 8, "a WebP image"),
    (b"WAVE", 8, "a sound file"),
    (b"ID3", 0, "a sound file"),
    (b"OggS", 0, "a sound file"),
    (b"fLaC", 0, "a sound file"),
    (b"ftyp", 4, "a video or sound file"),
    (b"\x1aE\xdf\xa3", 0, "a video file"),
    (b"\x7fELF", 0, "a program"),
    (b"{\\rtf", 0, "an RTF file"),
    (b"SQLite format 3\x00", 0, "a database"),
)
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED_PACKAGE = "EncryptedPackage".encode("utf-16-le")
_OOXML = {"wordprocessingml": "docx", "presentationml": "pptx", "spreadsheetml": "xlsx"}
_OOXML_MACRO = {"ms-word": "docx", "ms-powerpoint": "pptx", "ms-excel": "xlsx"}
_MAIN_PART = re.compile(
    r"application/vnd\.(?:openxmlformats-officedocument\.(?P<family>\w+)|(?P<macro>ms-\w+))"
    r"\.[\w.-]*(?:main|macroEnabled)[\w.-]*\+xml"
)
_HTML = re.compile(
    rb"\s*(?:<\?xml[^>]{0,200}\?>\s*)?(?:<!--.{0,2000}?-->\s*)*"
    rb"<(?:!doctype\s+html|html|head|body)[\s>]",
    re.IGNORECASE | re.DOTALL,
)
_SAID_BY_SERVERS = {
    "text/html": "html",
    "application/xhtml+xml": "html",
    "text/markdown": "markdown",
    "text/plain": "text",
}
_HEADER = re.compile(r"([A-Za-z][A-Za-z0-9-]*):[ \t]?")
_MAIL_HEADERS = frozenset(
    re.split(
        " ",
        "from to cc date subject received message-id mime-version sender return-path reply-to "
        "content-type delivered-to dkim-signature",
    )
)


def kind(name: str) -> FileType:
    """A supported format by its short name."""
    return _BY_NAME[name]


def is_container(data: bytes) -> bool:
    """PDF or ZIP: even finding out more needs a parser, so that is left to the sandbox."""
    return b"%PDF-" in data[:1024] or data[:4] in (b"PK\x03\x04", b"PK\x05\x06")


def detect(data: bytes, hints: Hints | None = None) -> FileType:
    """The format of a whole file's bytes.

    Raises:
        Unprocessable: empty; an archive that is broken; encrypted.
        UnsupportedType: anything else that can't be read; says what it is, where known.
    """
    if not data.strip(b"\x00 \t\r\n\x0b\x0c"):
        raise Unprocessable("The file is empty.")
    if b"%PDF-" in data[:1024]:
        return _BY_NAME["pdf"]
    if data[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        return _archive(data)
    if data.startswith(_OLE):
        raise _ole(data)
    for magic, offset, what in _FOREIGN:
        if data.startswith(magic, offset):
            raise unsupported(what)
    found = text_kind(data, hints or Hints())
    if found is None:
        raise unsupported("of an unknown binary format")
    return found


def text_kind(data: bytes, hints: Hints) -> FileType | None:
    """HTML, mail, Markdown or plain text; None if the bytes are no text."""
    start = decode(data, charset=hints.charset, limit=65536)
    if start is None:
        return None
    if hints.url and hints.media_type in _SAID_BY_SERVERS:
        return _BY_NAME[_SAID_BY_SERVERS[hints.media_type]]
    if _HTML.match(start.encode("utf-8", "replace")):
        return _BY_NAME["html"]
    if _is_mail(start):
        return _BY_NAME["eml"]
    markdown = hints.filename.lower().endswith(_BY_NAME["markdown"].suffixes)
    return _BY_NAME["markdown" if markdown else "text"]


def unsupported(what: str) -> UnsupportedType:
    """The error for a type that can't be read: names it and those that can be."""
    return UnsupportedType(
        f"The file is {what}, which can't be read.",
        hint=f"These can be read: {READABLE}.",
        readable=[kind.media_type for kind in SUPPORTED],
    )


def encrypted() -> Unprocessable:
    """The error for a file that needs a password."""
    return Unprocessable(
        "The file is encrypted.", hint="Save it without a password and upload it again."
    )


def broken(what: str) -> Unprocessable:
    """The error for a file that says it is `what` (`PDF`) and can't be opened as such."""
    return Unprocessable(
        f"The file is broken: it can't be opened as {what}.",
        hint="Open it in its own program, save it anew and upload that.",
    )


def _ole(data: bytes) -> Unprocessable | UnsupportedType:
    if _ENCRYPTED_PACKAGE in data:
        return encrypted()
    return unsupported("in an old Office format (.doc, .xls, .ppt, .msg)")


def _archive(data: bytes) -> FileType:
    try:
        file = zipfile.ZipFile(io.BytesIO(data))
        names = set(file.namelist())
        if any(info.flag_bits & 1 for info in file.infolist()):
            raise encrypted()
        if "[Content_Types].xml" in names:
            return _office(_small_member(file, "[Content_Types].xml"))
        if "mimetype" in names:
            return _open_document(file, names)
    except (zipfile.BadZipFile, OSError, NotImplementedError, ValueError, EOFError):
        raise broken("DOCX, ODT, PPTX, XLSX or any other ZIP") from None
    raise unsupported("a ZIP archive")


def _office(content_types: str) -> FileType:
    for match in _MAIN_PART.finditer(content_types):
        name = _OOXML.get(match["family"] or "") or _OOXML_MACRO.get(match["macro"] or "")
        if name:
            return _BY_NAME[name]
    raise unsupported("an Office file of another kind")


def _open_document(file: zipfile.ZipFile, names: set[str]) -> FileType:
    media_type = _small_member(file, "mimetype").strip()
    if media_type == "application/epub+zip":
        raise unsupported("an EPUB book")
    if not media_type.startswith(_BY_NAME["odt"].media_type):
        raise unsupported(f"of the type {media_type[:100]}")
    manifest = "META-INF/manifest.xml"
    if manifest in names and "encryption-data" in _small_member(file, manifest):
        raise encrypted()
    return _BY_NAME["odt"]


def _small_member(file: zipfile.ZipFile, name: str, limit: int = 1 << 20) -> str:
    """The start of a member: as much as a list of parts can need, never a bomb."""
    import zlib

    try:
        with file.open(name) as member:
            return member.read(limit).decode("utf-8", "replace")
    except zlib.error as error:
        raise zipfile.BadZipFile(str(error)) from None


def _is_mail(text: str) -> bool:
    """Whether the text begins with a block of header lines, two of them a mail's."""
    found: set[str] = set()
    for line in text.removeprefix("\ufeff").splitlines()[:100]:
        if not line.strip():
            break
        if line[0] in " \t" and found:
            continue
        if line.startswith("From ") and not found:
            continue
        match = _HEADER.match(line)
        if match is None:
            return False
        found.add(match[1].lower())
    return len(found & _MAIL_HEADERS) >= 2 and bool(found & {"from", "received", "message-id"})
