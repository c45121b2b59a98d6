"""Small synthetic files of every format that can be read, made without any office software.

Each function returns a file's bytes. `paragraphs` are its text; a format with pages takes a
list of pages, each a list of paragraphs. The bytes depend on the arguments alone.
"""

from __future__ import annotations

import html
import io
import zipfile
from collections.abc import Callable, Sequence
from email.message import EmailMessage
from email.policy import SMTP
from xml.sax.saxutils import escape

Paragraphs = Sequence[str]
XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_WHEN = (2020, 1, 1, 0, 0, 0)
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_SHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_SLIDE = "http://schemas.openxmlformats.org/presentationml/2006/main"
_DRAWING = "http://schemas.openxmlformats.org/drawingml/2006/main"
_ODF = "urn:oasis:names:tc:opendocument:xmlns"


# --- PDF ------------------------------------------------------------------------------------


def pdf(pages: Sequence[Paragraphs], *, title: str = "") -> bytes:
    """A PDF with the given pages, set in Helvetica; text must be Latin-1 (WinAnsi)."""
    first_page = 4
    kids = " ".join(f"{first_page + 2 * n} 0 R" for n in range(len(pages)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Count {len(pages)} /Kids [{kids}] >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    for n, paragraphs in enumerate(pages):
        stream = _pdf_page(paragraphs)
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << /Font "
            b"<< /F1 3 0 R >> >> /Contents %d 0 R >>" % (first_page + 2 * n + 1)
        )
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream))
    objects.append(b"<< /Title (%s) >>" % _pdf_string(title))
    return _pdf_file(objects)


def _pdf_string(text: str) -> bytes:
    raw = text.encode("cp1252")
    return raw.replace(b"\\", b"\\\\").replace(b"(", b"\\(").replace(b")", b"\\)")


def _pdf_page(paragraphs: Paragraphs) -> bytes:
    lines = [b"BT /F1 10 Tf 14 TL 56 786 Td"]
    for paragraph in paragraphs:
        for line in _wrapped(paragraph, 90):
            lines.append(b"(%s) Tj T*" % _pdf_string(line))
        lines.append(b"T*")
    return b"\n".join([*lines, b"ET"])


def _wrapped(text: str, width: int) -> list[str]:
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + len(word) >= width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


def _pdf_file(objects: Sequence[bytes]) -> bytes:
    out = io.BytesIO(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
    out.seek(0, io.SEEK_END)
    offsets = []
    for number, body in enumerate(objects, 1):
        offsets.append(out.tell())
        out.write(b"%d 0 obj\n%s\nendobj\n" % (number, body))
    start = out.tell()
    out.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1))
    for offset in offsets:
        out.write(b"%010d 00000 n \n" % offset)
    out.write(
        b"trailer\n<< /Size %d /Root 1 0 R /Info %d 0 R >>\nstartxref\n%d\n%%%%EOF\n"
        % (len(objects) + 1, len(objects), start)
    )
    return out.getvalue()


def encrypted_pdf(pages: Sequence[Paragraphs], password: str = "synthetic") -> bytes:
    """A PDF that opens with `password` alone (needs pypdf)."""
    from pypdf import PdfReader, PdfWriter

    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(pdf(pages))))
    writer.encrypt(user_password=password, owner_password=password + "-owner", algorithm="RC4-128")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


# --- archives: OOXML and ODF ----------------------------------------------------------------


def archive(members: Sequence[tuple[str, str | bytes]], *, stored: Sequence[str] = ()) -> bytes:
    """A ZIP with these members in this order; those named in `stored` are not compressed."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members:
            info = zipfile.ZipInfo(name, _WHEN)
            info.compress_type = zipfile.ZIP_STORED if name in stored else zipfile.ZIP_DEFLATED
            file.writestr(info, content)
    return out.getvalue()


def _content_types(parts: Sequence[tuple[str, str]]) -> str:
    overrides = "".join(
        f'<Override PartName="{name}" ContentType="application/vnd.openxmlformats-officedocument.'
        f'{kind}+xml"/>'
        for name, kind in parts
    )
    return (
        f'{XML}<Types xmlns="{_PACKAGE}/content-types"><Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Default Extension="xml" ContentType="application/xml"/>{overrides}</Types>'
    )


def _relations(targets: Sequence[tuple[str, str]]) -> str:
    rows = "".join(
        f'<Relationship Id="rId{n}" Type="{_OFFICE}/{kind}" Target="{target}"/>'
        for n, (kind, target) in enumerate(targets, 1)
    )
    return f'{XML}<Relationships xmlns="{_PACKAGE}/relationships">{rows}</Relationships>'


def docx(paragraphs: Paragraphs) -> bytes:
    """A Word document."""
    body = "".join(
        f'<w:p><w:r><w:t xml:space="preserve">{escape(text)}</w:t></w:r></w:p>'
        for text in paragraphs
    )
    kind = "wordprocessingml.document.main"
    return archive(
        [
            ("[Content_Types].xml", _content_types([("/word/document.xml", kind)])),
            ("_rels/.rels", _relations([("officeDocument", "word/document.xml")])),
            (
                "word/document.xml",
                f'{XML}<w:document xmlns:w="{_WORD}"><w:body>{body}</w:body></w:document>',
            ),
        ]
    )


def xlsx(sheets: Sequence[Sequence[Sequence[str]]]) -> bytes:
    """A workbook: a list of sheets, each a list of rows of cells."""
    names = [f"worksheets/sheet{n}.xml" for n in range(1, len(sheets) + 1)]
    entries = "".join(
        f'<sheet name="Sheet{n}" sheetId="{n}" r:id="rId{n}"/>' for n in range(1, len(sheets) + 1)
    )
    kind = "spreadsheetml.worksheet"
    types = [("/xl/workbook.xml", "spreadsheetml.sheet.main")]
    types += [(f"/xl/{name}", kind) for name in names]
    members: list[tuple[str, str | bytes]] = [
        ("[Content_Types].xml", _content_types(types)),
        ("_rels/.rels", _relations([("officeDocument", "xl/workbook.xml")])),
        (
            "xl/workbook.xml",
            f'{XML}<workbook xmlns="{_SHEET}" xmlns:r="{_OFFICE}"><sheets>{entries}</sheets>'
            "</workbook>",
        ),
        ("xl/_rels/workbook.xml.rels", _relations([("worksheet", name) for name in names])),
    ]
    members += [(f"xl/{name}", _sheet(rows)) for name, rows in zip(names, sheets, strict=True)]
    return archive(members)


def _sheet(rows: Sequence[Sequence[str]]) -> str:
    data = "".join(
        f'<row r="{y}">'
        + "".join(
            f'<c r="{chr(64 + x)}{y}" t="inlineStr"><is><t>{escape(cell)}</t></is></c>'
            for x, cell in enumerate(cells, 1)
        )
        + "</row>"
        for y, cells in enumerate(rows, 1)
    )
    return f'{XML}<worksheet xmlns="{_SHEET}"><sheetData>{data}</sheetData></worksheet>'


def pptx(slides: Sequence[Paragraphs], *, notes: Paragraphs = ()) -> bytes:
    """A presentation: a list of slides, each a list of paragraphs; `notes`: a note a slide."""
    names = [f"slides/slide{n}.xml" for n in range(1, len(slides) + 1)]
    ids = "".join(f'<p:sldId id="{255 + n}" r:id="rId{n}"/>' for n in range(1, len(slides) + 1))
    types = [("/ppt/presentation.xml", "presentationml.presentation.main")]
    types += [(f"/ppt/{name}", "presentationml.slide") for name in names]
    members: list[tuple[str, str | bytes]] = [
        ("[Content_Types].xml", _content_types(types)),
        ("_rels/.rels", _relations([("officeDocument", "ppt/presentation.xml")])),
        (
            "ppt/presentation.xml",
            f'{XML}<p:presentation xmlns:p="{_SLIDE}" xmlns:r="{_OFFICE}">'
            f"<p:sldIdLst>{ids}</p:sldIdLst></p:presentation>",
        ),
        ("ppt/_rels/presentation.xml.rels", _relations([("slide", name) for name in names])),
    ]
    members += [
        (f"ppt/{name}", _slide("sld", text)) for name, text in zip(names, slides, strict=True)
    ]
    for n, note in enumerate(notes, 1):
        target = f"notesSlides/notesSlide{n}.xml"
        members.append((f"ppt/{target}", _slide("notes", [note])))
        members.append(
            (f"ppt/slides/_rels/slide{n}.xml.rels", _relations([("notesSlide", f"../{target}")]))
        )
    return archive(members)


def _slide(root: str, paragraphs: Paragraphs) -> str:
    body = "".join(f"<a:p><a:r><a:t>{escape(text)}</a:t></a:r></a:p>" for text in paragraphs)
    kind = '<p:ph type="body" idx="1"/>' if root == "notes" else ""
    return (
        f'{XML}<p:{root} xmlns:p="{_SLIDE}" xmlns:a="{_DRAWING}"><p:cSld><p:spTree><p:nvGrpSpPr>'
        '<p:cNvPr id="1" name=""/><p:cNvGrpSpPr/><p:nvPr/></p:nvGrpSpPr><p:grpSpPr/><p:sp>'
        f'<p:nvSpPr><p:cNvPr id="2" name="Text"/><p:cNvSpPr/><p:nvPr>{kind}</p:nvPr></p:nvSpPr>'
        f"<p:spPr/><p:txBody><a:bodyPr/>{body}</p:txBody></p:sp></p:spTree></p:cSld></p:{root}>"
    )


def odt(paragraphs: Paragraphs) -> bytes:
    """An OpenDocument text."""
    media = "application/vnd.oasis.opendocument.text"
    body = "".join(f"<text:p>{escape(text)}</text:p>" for text in paragraphs)
    manifest = (
        f'{XML}<manifest:manifest xmlns:manifest="{_ODF}:manifest:1.0" manifest:version="1.2">'
        f'<manifest:file-entry manifest:full-path="/" manifest:media-type="{media}"/>'
        '<manifest:file-entry manifest:full-path="content.xml" manifest:media-type="text/xml"/>'
        "</manifest:manifest>"
    )
    content = (
        f'{XML}<office:document-content xmlns:office="{_ODF}:office:1.0" '
        f'xmlns:text="{_ODF}:text:1.0" office:version="1.2"><office:body><office:text>{body}'
        "</office:text></office:body></office:document-content>"
    )
    members = [("mimetype", media), ("META-INF/manifest.xml", manifest), ("content.xml", content)]
    return archive(members, stored=["mimetype"])


# --- text formats ---------------------------------------------------------------------------


def html_page(paragraphs: Paragraphs, *, title: str = "Page") -> bytes:
    """A web page with a navigation bar and a footer around its text."""
    body = "\n".join(f"<p>{html.escape(text)}</p>" for text in paragraphs)
    page = (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>'
        f"{html.escape(title)}</title></head><body>\n"
        '<nav><ul><li><a href="/a">Navigation one</a></li><li><a href="/b">Navigation two</a>'
        f"</li></ul></nav>\n<main><article><h1>{html.escape(title)}</h1>\n{body}\n</article>"
        "</main>\n<footer>Footer line</footer></body></html>\n"
    )
    return page.encode()


def markdown(paragraphs: Paragraphs, *, title: str = "Page") -> bytes:
    """Markdown with one heading."""
    return ("# " + title + "\n\n" + "\n\n".join(paragraphs) + "\n").encode()


def plain(paragraphs: Paragraphs) -> bytes:
    """UTF-8 text."""
    return ("\n\n".join(paragraphs) + "\n").encode()


def eml(paragraphs: Paragraphs, *, subject: str = "Synthetic message") -> bytes:
    """A mail with a plain-text body."""
    message = EmailMessage(policy=SMTP)
    message["Subject"] = subject
    message["From"] = "sender@example.org"
    message["To"] = "receiver@example.org"
    message["Date"] = "Wed, 01 Jan 2020 00:00:00 +0000"
    message["Message-ID"] = "<synthetic@example.org>"
    message.set_content("\n\n".join(paragraphs) + "\n")
    return message.as_bytes()


FORMATS: dict[str, Callable[[Paragraphs], bytes]] = {
    "pdf": lambda paragraphs: pdf([paragraphs]),
    "docx": docx,
    "odt": odt,
    "pptx": lambda paragraphs: pptx([paragraphs]),
    "xlsx": lambda paragraphs: xlsx([[[text] for text in paragraphs]]),
    "html": html_page,
    "md": markdown,
    "txt": plain,
    "eml": eml,
}
"""A file's suffix -> how to make one with these paragraphs on a single page."""
