"""What a file is, is told by its bytes; names only choose between kinds of plain text."""

from __future__ import annotations

import contextlib
import gzip
import io
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baukasten_core import errors
from baukasten_core.documents.decode import decode
from baukasten_core.documents.detect import SUPPORTED, Hints, detect
from baukasten_core.testing import files

WORDS = ["Some words of a synthetic file.", "Grüße aus dem zweiten Absatz."]
RUSSIAN = "Договор может быть расторгнут в письменной форме с уведомлением за три месяца."
STARTS = [b"", b"PK\x03\x04", b"PK\x05\x06", b"%PDF-", b"\xff\xfe", b"<html>"]
KINDS = {"md": "markdown", "txt": "text"}


@pytest.mark.parametrize("suffix", files.FORMATS)
@pytest.mark.parametrize("name", ["right", "wrong.pdf", "wrong.xyz", ""])
def test_every_format_is_told_whatever_its_name(suffix: str, name: str) -> None:
    if suffix == "md" and name != "right":
        pytest.skip("Markdown is plain text by any other name")
    name = f"file.{suffix}" if name == "right" else name
    found = detect(files.FORMATS[suffix](WORDS), Hints(name))
    assert found.name == KINDS.get(suffix, suffix)


def ole(streams: str) -> bytes:
    return b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * 504 + streams.encode("utf-16-le")


FOREIGN = {
    "gzip": gzip.compress(b"text " * 100),
    "PNG": b"\x89PNG\r\n\x1a\n" + b"\x00" * 50,
    "JPEG": b"\xff\xd8\xff\xe0" + b"\x00" * 50,
    "7-Zip": b"7z\xbc\xaf\x27\x1c" + b"\x00" * 50,
    "old Office": ole("WordDocument"),
    "ZIP archive": files.archive([("note.txt", "text")]),
    "EPUB": files.archive([("mimetype", "application/epub+zip")]),
    "program": b"\x7fELF\x02\x01\x01" + b"\x00" * 50,
    "RTF": b"{\\rtf1 text}",
    "unknown binary": bytes(range(256)) * 8,
    "opendocument.spreadsheet": files.archive(
        [("mimetype", "application/vnd.oasis.opendocument.spreadsheet")]
    ),
}


@pytest.mark.parametrize("what", FOREIGN)
def test_other_types_are_named_with_those_that_can_be_read(what: str) -> None:
    with pytest.raises(errors.UnsupportedType) as caught:
        detect(FOREIGN[what], Hints("report.pdf"))
    assert what in caught.value.detail
    assert "PDF, DOCX, ODT, PPTX, XLSX, HTML" in (caught.value.hint or "")
    assert caught.value.extra["readable"] == [kind.media_type for kind in SUPPORTED]


def encrypted_zip() -> bytes:
    data = bytearray(files.docx(WORDS))
    for name in (b"PK\x03\x04", b"PK\x01\x02"):
        at = data.find(name)
        data[at + (6 if name == b"PK\x03\x04" else 8)] |= 1
    return bytes(data)


def encrypted_odt() -> bytes:
    manifest = "<manifest:file-entry><manifest:encryption-data/></manifest:file-entry>"
    media = "application/vnd.oasis.opendocument.text"
    return files.archive([("mimetype", media), ("META-INF/manifest.xml", manifest)])


UNREADABLE = {
    "the file is empty": [b"", b" \r\n\t", b"\x00" * 1000],
    "encrypted": [ole("EncryptedPackage"), encrypted_zip(), encrypted_odt()],
    "broken": [files.docx(WORDS)[:300], files.odt(WORDS)[:-30], b"PK\x03\x04" + b"\x07" * 90],
}


@pytest.mark.parametrize(
    ("what", "data"), [(what, data) for what, group in UNREADABLE.items() for data in group]
)
def test_empty_encrypted_and_broken_are_said(what: str, data: bytes) -> None:
    with pytest.raises(errors.Unprocessable) as caught:
        detect(data)
    assert what in caught.value.detail.lower()


def test_a_list_of_parts_that_is_a_bomb_is_not_unpacked() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("[Content_Types].xml", b" " * 50_000_000)
    with pytest.raises(errors.UnsupportedType):
        detect(out.getvalue())


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("Grüße".encode(), "Grüße"),
        ("Grüße €".encode("cp1252"), "Grüße €"),
        ("\ufeffGrüße".encode("utf-16"), "Grüße"),
        ("Grüße an alle".encode("utf-16-le"), "Grüße an alle"),
        ("Grüße an alle".encode("utf-16-be"), "Grüße an alle"),
        (b"\xef\xbb\xbfword", "word"),
        (b"a\x00b with a zero byte", "a\x00b with a zero byte"),
        ("lone \ud800 one".encode("utf-8", "surrogatepass"), "lone \ud800 one"),
        (
            "Gr\u00fc\u00dfe und \u00c4pfel".encode() + b"\xff",
            "Gr\u00fc\u00dfe und \u00c4pfel\ufffd",
        ),
        (RUSSIAN.encode("cp1251"), RUSSIAN),
        (b'<meta charset="iso-8859-2"><p>\xb1\xe6', '<meta charset="iso-8859-2"><p>ąć'),
    ],
)
def test_encodings_are_told(data: bytes, text: str) -> None:
    found = decode(data)
    assert found is not None
    assert found.removeprefix("\ufeff") == text


def test_what_a_server_says_about_the_encoding_counts() -> None:
    assert decode("Grüße".encode("cp850"), charset="cp850") == "Grüße"
    assert decode("Grüße".encode(), charset="no-such-charset") == "Grüße"


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300), st.sampled_from(STARTS))
def test_any_bytes_are_told_or_refused(data: bytes, start: bytes) -> None:
    with contextlib.suppress(errors.Unprocessable, errors.UnsupportedType):
        assert detect(start + data) in SUPPORTED
