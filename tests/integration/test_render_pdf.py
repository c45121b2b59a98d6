"""PDF through Typst: hostile text, limits, confinement. Every test runs the real compiler."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path
from typing import Any

import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pypdf import PdfReader

from baukasten_core.errors import TemplateError, Unprocessable
from baukasten_core.render.pdf import MIB, Pdf, RenderLimits, render_pdf

TEMPLATE = """
#let data = json(bytes(sys.inputs.data))
#set document(title: data.title)
#set page(width: 400pt, height: auto)
#set text(lang: sys.inputs.language, hyphenate: false)
#for text in data.texts { par(text) }
"""

ENDLESS = """#set document(title: "x")
#for i in range(100000) { for j in range(100000) { let k = i * j } }"""

HOSTILE = [
    '#read("/etc/passwd")',
    '#import "@preview/cetz:0.3.4": *',
    "$ sum_(i=0)^n $ and $x$",
    "@label <label> = Heading",
    "- item + item / term: text",
    "*bold* _italic_ `raw` ```typ #1```",
    "// comment /* comment */ \\ \\u{41} ~ --- ...",
    "#{ while true {} }",
    "[] {} () ; : , \" ' % & | ^",
    "]#panic()[",
]


@pytest.fixture
def template(tmp_path: Path) -> Path:
    path = tmp_path / "texts.typ"
    path.write_text(TEMPLATE)
    return path


async def render(template: Path, *texts: object, **options: object) -> Pdf:
    data = {"title": "A title", "texts": texts}
    return await render_pdf(template, data, language="en", **options)  # type: ignore[arg-type]


def text_of(pdf: Pdf) -> str:
    return " ".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf.content)).pages)


def joined(text: str) -> str:
    return "".join(text.split())


@pytest.mark.parametrize("text", HOSTILE)
async def test_hostile_text_is_printed_and_never_run(template: Path, text: str) -> None:
    pdf = await render(template, text)
    assert joined(text) in joined(text_of(pdf))
    assert "root:" not in text_of(pdf)


PRINTABLE = st.characters(min_codepoint=0x20, max_codepoint=0x7E)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.text(PRINTABLE, min_size=1, max_size=60), min_size=1, max_size=20))
def test_any_ascii_text_arrives_as_it_is(tmp_path_factory, texts: list[str]) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path_factory.mktemp("typ") / "texts.typ"
    path.write_text(TEMPLATE)
    pdf = asyncio.run(render(path, *texts))
    assert joined("".join(texts)) == joined(text_of(pdf))


@settings(max_examples=15, deadline=None)
@given(st.lists(st.text(max_size=60), max_size=20))
def test_any_text_at_all_gives_a_document(tmp_path_factory, texts: list[str]) -> None:  # type: ignore[no-untyped-def]
    """Lone surrogates, NUL, right-to-left, unassigned characters."""
    path = tmp_path_factory.mktemp("typ") / "texts.typ"
    path.write_text(TEMPLATE)
    assert asyncio.run(render(path, *texts, "\ud800\x00\u202e")).content.startswith(b"%PDF")


async def test_the_document_is_tagged_and_knows_its_language_and_title(template: Path) -> None:
    pdf = await render_pdf(template, {"title": "Título", "texts": ["ñ"]}, language="es")
    reader = PdfReader(io.BytesIO(pdf.content))
    root: Any = reader.trailer["/Root"]
    assert root["/Lang"] == "es"
    assert root["/MarkInfo"]["/Marked"]
    assert reader.metadata is not None
    assert reader.metadata.title == "Título"
    assert b"pdfuaid" in pdf.content
    assert pdf.pages == 1
    assert pdf.missing == ()


async def test_characters_that_no_font_has_are_named(template: Path) -> None:
    pdf = await render(template, "fine", "a \U0001fbc9 b \U0002ffff c \u200d")
    assert pdf.missing == ("\U0001fbc9", "\U0002ffff")
    assert "fine" in text_of(pdf)


@pytest.mark.parametrize(
    "code",
    ['#read("/etc/hostname")', '#read("../secret.txt")', '#import "@preview/cetz:0.3.4": *'],
)
async def test_even_a_template_stays_in_its_folder_and_off_the_network(
    tmp_path: Path, code: str
) -> None:
    (tmp_path / "secret.txt").write_text("outside")
    folder = tmp_path / "templates"
    folder.mkdir()
    (folder / "bad.typ").write_text(f'#set document(title: "x")\n{code}')
    with pytest.raises(TemplateError, match=r"bad\.typ can't be set"):
        await render_pdf(folder / "bad.typ", {}, language="en")


async def test_a_template_sees_the_files_beside_it(tmp_path: Path) -> None:
    (tmp_path / "part.typ").write_text('#let word = "beside"')
    main = tmp_path / "main.typ"
    main.write_text('#import "part.typ": word\n#set document(title: "x")\n#word')
    assert "beside" in text_of(await render_pdf(main, {}, language="en"))


async def test_what_takes_too_long_is_stopped_and_nothing_is_left(tmp_path: Path) -> None:
    path = tmp_path / "endless.typ"
    path.write_text(ENDLESS)
    with pytest.raises(Unprocessable, match="longer than 1 s"):
        await render_pdf(path, {}, language="en", limits=RenderLimits(seconds=1))
    assert not [child for child in psutil.Process().children() if "typst" in child.name()]


async def test_what_takes_too_much_memory_says_so(template: Path) -> None:
    with pytest.raises(Unprocessable, match="more than 64 MiB of memory"):
        await render(template, "word " * 3_000_000, limits=RenderLimits(memory_bytes=64 * MIB))


async def test_a_document_over_the_size_limit_is_refused(template: Path) -> None:
    with pytest.raises(Unprocessable, match="finished document"):
        await render(template, "x", limits=RenderLimits(pdf_bytes=100))


async def test_an_error_quotes_nothing_that_people_wrote(tmp_path: Path) -> None:
    path = tmp_path / "wrong.typ"
    path.write_text("#let data = json(bytes(sys.inputs.data))\n#panic(data.text)")
    with pytest.raises(TemplateError) as caught:
        await render_pdf(path, {"text": "a private sentence"}, language="en")
    assert "private" not in f"{caught.value.detail} {caught.value.hint}"


async def test_a_cancelled_render_leaves_no_process(tmp_path: Path) -> None:
    path = tmp_path / "endless.typ"
    path.write_text(ENDLESS)
    before = set(psutil.Process().children())
    task = asyncio.create_task(render_pdf(path, {}, language="en"))
    while not (started := set(psutil.Process().children()) - before):  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not any(process.is_running() for process in started)
