"""Real files through the real sandbox: text and pages come out, bad files are said, all of it
bounded, and nothing of ours is within a file's reach.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import signal
import sys
import zipfile
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path
from typing import TypeVar

import psutil
import pytest

from baukasten_core import errors
from baukasten_core.documents.extract import Extractor, from_text
from baukasten_core.documents.fetch import Fetched
from baukasten_core.documents.limits import MIB, Limits
from baukasten_core.documents.text import Extracted, normalize
from baukasten_core.testing import files

T = TypeVar("T")
WORDS = [
    "The first paragraph says: Grüße aus Köln, it costs 42 €.",
    "The second one has two sentences. This is the other one.",
]


@pytest.fixture(scope="module")
async def extractor() -> AsyncIterator[Extractor]:
    async with Extractor(Limits()) as extractor:
        yield extractor


def saved(folder: Path, data: bytes, name: str = "file") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


async def read(extractor: Extractor, folder: Path, data: bytes, name: str = "file") -> Extracted:
    return await extractor.extract(saved(folder, data, name))


# --- every format -----------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", files.FORMATS)
async def test_every_format_gives_its_text(
    extractor: Extractor, tmp_path: Path, suffix: str
) -> None:
    data = files.FORMATS[suffix](WORDS)
    path = saved(tmp_path, data, f"file.{suffix}")
    info, document = await asyncio.gather(extractor.inspect(path), extractor.extract(path))
    one_line = " ".join(document.text.split())
    for paragraph in WORDS:
        assert paragraph in one_line
    assert document.text == normalize(document.text)
    assert (info.media_type, info.size) == (document.media_type, len(data))


async def test_large_plain_text_goes_through_the_sandbox(
    extractor: Extractor, tmp_path: Path
) -> None:
    text = "Ein Satz von vielen, mit Umlauten äöü. " * 20_000
    document = await read(extractor, tmp_path, text.encode("utf-16"))
    assert document.text == text


@pytest.mark.parametrize("name", ["wrong.docx", "wrong.txt", "no-suffix"])
async def test_a_wrongly_named_file_is_read_as_what_it_is(
    extractor: Extractor, tmp_path: Path, name: str
) -> None:
    document = await read(extractor, tmp_path, files.pdf([WORDS]), name)
    assert document.media_type == "application/pdf"
    assert "Grüße aus Köln" in document.text


async def test_pages_slides_and_sheets_are_where_their_offsets_say(
    extractor: Extractor, tmp_path: Path
) -> None:
    pages = [[f"Number {n} begins here, with an umlaut ä."] for n in range(1, 6)]
    for data in (files.pdf(pages), files.pptx(pages), files.xlsx([[page] for page in pages])):
        document = await read(extractor, tmp_path, data)
        assert len(document.pages) == 5
        for n in range(1, 6):
            assert document.page_at(document.text.index(f"Number {n} begins")) == n


async def test_slides_with_notes_are_whole_and_begin_where_they_begin(
    extractor: Extractor, tmp_path: Path
) -> None:
    slides = [[f"Slide {n} ä", "Point one"] for n in range(1, 5)]
    data = files.pptx(slides, notes=[f"Note {n} ends ö{n}" for n in range(1, 5)])
    document = await read(extractor, tmp_path, data)
    for n, start in enumerate(document.pages, 1):
        assert document.text[start:].startswith(f"Slide {n} ä")
        words = " ".join(document.text[start : [*document.pages, None][n]].split())
        assert words.startswith(f"Slide {n} ä Point one")
        assert words.endswith(f"Note {n} ends ö{n}")
        assert words.count("Slide") == 1


async def test_title_and_metadata(extractor: Extractor, tmp_path: Path) -> None:
    path = saved(tmp_path, files.pdf([WORDS], title="Ein Tïtel"))
    assert (await extractor.inspect(path)).title == "Ein Tïtel"
    assert (await extractor.inspect(path)).pages == 1
    assert (await read(extractor, tmp_path, files.eml(WORDS, subject="Grüße"))).title == "Grüße"
    assert (await read(extractor, tmp_path, files.html_page(WORDS, title="T"))).title == "T"
    assert (await read(extractor, tmp_path, files.markdown(WORDS), "a.md")).title == "Page"


async def test_lines_of_a_pdf_become_paragraphs_again(extractor: Extractor, tmp_path: Path) -> None:
    sentence = "A sentence that is long enough to be broken over several lines of the page. "
    document = await read(extractor, tmp_path, files.pdf([[sentence * 20, "A short one."]]))
    assert document.text == normalize(sentence * 20).strip() + "\nA short one."


async def test_a_word_document_by_another_library(extractor: Extractor, tmp_path: Path) -> None:
    import docx

    document = docx.Document()
    document.core_properties.title, document.core_properties.author = "Titel", "Some Author"
    document.add_heading("Überschrift", 1)
    document.add_paragraph(WORDS[0])
    table = document.add_table(1, 2)
    table.cell(0, 0).text, table.cell(0, 1).text = "left cell", "right cell"
    document.save(str(tmp_path / "file.docx"))
    found = await extractor.extract(tmp_path / "file.docx")
    for part in ("Überschrift", WORDS[0], "left cell", "right cell"):
        assert part in found.text
    assert (found.title, found.metadata["author"]) == ("Titel", "Some Author")


async def test_attachments_of_a_mail_are_named_and_not_opened(
    extractor: Extractor, tmp_path: Path
) -> None:
    mail = EmailMessage()
    mail["Subject"], mail["From"], mail["To"] = "S", "a@example.org", "b@example.org"
    mail.set_content(WORDS[0])
    mail.add_attachment("Attached words.", filename="note.txt")
    mail.add_attachment(bomb(100 * MIB), maintype="application", subtype="zip", filename="b.zip")
    text = (await read(extractor, tmp_path, mail.as_bytes())).text
    assert WORDS[0] in text
    assert "Attachments: note.txt, b.zip" in text
    assert "Attached words" not in text


async def test_of_a_page_from_the_web_the_main_text_is_taken(
    extractor: Extractor, tmp_path: Path
) -> None:
    paragraphs = [f"{WORDS[0]} Paragraph {n} of the article. {WORDS[1]}" for n in range(5)]
    path = saved(tmp_path, files.html_page(paragraphs, title="The article"))
    page = Fetched("https://example.org/a", path, "text/html", "utf-8", "a", 1)
    document = await extractor.extract_fetched(page)
    assert all(paragraph in document.text for paragraph in paragraphs)
    assert "Navigation one" not in document.text
    assert document.title == "The article"


async def test_what_a_server_says_decides_between_kinds_of_text(
    extractor: Extractor, tmp_path: Path
) -> None:
    fragment = saved(tmp_path, "<p>Größe im Satz.</p>".encode("latin-1"))
    page = Fetched("https://example.org/", fragment, "text/html", "iso-8859-1", "", 1)
    assert (await extractor.extract_fetched(page)).text == "Größe im Satz."
    page = replace(page, media_type="text/plain")
    assert (await extractor.extract_fetched(page)).text == "<p>Größe im Satz.</p>"


# --- bad files --------------------------------------------------------------------------------


def bomb(size: int) -> bytes:
    """A DOCX with one more part, which unpacks to `size` bytes."""
    out = io.BytesIO(files.docx(WORDS))
    with zipfile.ZipFile(out, "a", zipfile.ZIP_DEFLATED) as file, file.open("x.xml", "w") as part:
        for _ in range(size // MIB):
            part.write(b" " * MIB)
    return out.getvalue()


def lying_bomb(size: int) -> bytes:
    """The same, but its headers say that the part is small."""
    data = bytearray(bomb(size))
    for name, at in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        start = data.rfind(name)
        data[start + at : start + at + 4] = (1000).to_bytes(4, "little")
    return bytes(data)


def overlapping_bomb(parts: int) -> bytes:
    """Many names in the list of parts for the same 10 MiB."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("[Content_Types].xml", CONTENT_TYPES)
        file.writestr("part", b" " * (10 * MIB))
        file.filelist.extend([_renamed(file.filelist[1], f"part{n}") for n in range(parts)])
    return out.getvalue()


def _renamed(member: zipfile.ZipInfo, name: str) -> zipfile.ZipInfo:
    other = zipfile.ZipInfo(name)
    for field in ("compress_type", "CRC", "compress_size", "file_size", "header_offset"):
        setattr(other, field, getattr(member, field))
    return other


with zipfile.ZipFile(io.BytesIO(files.docx([]))) as _file:
    CONTENT_TYPES = _file.read("[Content_Types].xml")


def broken_part() -> bytes:
    data = bytearray(files.docx(WORDS * 20))
    at = data.index(b"word/document.xml") + 40
    data[at : at + 60] = b"\xff" * 60
    return bytes(data)


BAD = {
    "empty": (b"", "empty"),
    "white space": (b"  \n \n", "empty"),
    "an encrypted PDF": (files.encrypted_pdf([WORDS]), "encrypted"),
    "half a PDF": (files.pdf([WORDS] * 20)[:1500], "broken"),
    "a PDF of garbage": (b"%PDF-1.7\n" + os.urandom(5000), "broken"),
    "a PDF without text": (files.pdf([[]]), "no text"),
    "half a DOCX": (files.docx(WORDS * 50)[:700], "broken"),
    "a DOCX with a broken part": (broken_part(), "broken"),
    "an empty DOCX": (files.docx([]), "no text"),
    "an empty workbook": (files.xlsx([[]]), "no text"),
    "a bomb": (bomb(400 * MIB), "unpacks to more than 256 MiB"),
    "a bomb that lies": (lying_bomb(400 * MIB), "unpacks to more than 256 MiB"),
    "a bomb that overlaps": (overlapping_bomb(60), "unpacks to more than 256 MiB"),
}


@pytest.mark.parametrize("what", BAD)
async def test_bad_files_are_said_at_the_quick_look(
    extractor: Extractor, tmp_path: Path, what: str
) -> None:
    data, sentence = BAD[what]
    path = saved(tmp_path, data, "file.docx")
    for look in (extractor.inspect, extractor.extract):
        with pytest.raises(errors.Unprocessable) as caught:
            await look(path)
        assert sentence in caught.value.detail


async def test_other_types_are_refused_with_those_that_can_be_read(
    extractor: Extractor, tmp_path: Path
) -> None:
    for data in (
        b"\x1f\x8b" + b"\x08" * 100,
        b"\x89PNG\r\n\x1a\n" * 5,
        files.archive([("a", "b")]),
    ):
        with pytest.raises(errors.UnsupportedType) as caught:
            await extractor.inspect(saved(tmp_path, data, "file.pdf"))
        assert "PDF, DOCX" in (caught.value.hint or "")


async def test_odd_characters_come_out_as_text_a_database_takes(
    extractor: Extractor, tmp_path: Path
) -> None:
    odd = "a\x00b \ud800 c\r\n" + "x" * 1_000_000 + " שלום"
    document = await read(extractor, tmp_path, odd.encode("utf-8", "surrogatepass"))
    assert document.text == "ab \ufffd c\n" + "x" * 1_000_000 + " שלום"
    assert from_text(odd, Limits()).text == document.text


# --- limits -----------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def limited(**limits: float) -> AsyncIterator[Extractor]:
    async with Extractor(replace(Limits(), **limits)) as extractor:
        yield extractor


async def test_size_pages_and_text_are_limited(tmp_path: Path) -> None:
    path = saved(tmp_path, files.pdf([WORDS] * 60))
    async with limited(file_bytes=1000) as extractor:
        with pytest.raises(errors.TooLarge):
            await extractor.inspect(path)
    async with limited(pages=59) as extractor:
        with pytest.raises(errors.Unprocessable, match="60 pages; 59 is the limit"):
            await extractor.inspect(path)
    async with limited(text_bytes=2000) as extractor:
        with pytest.raises(errors.Unprocessable, match="of text, the limit"):
            await extractor.extract(path)
    with pytest.raises(errors.Unprocessable, match="of text, the limit"):
        from_text("x" * 100, Limits(text_bytes=99))


async def test_what_takes_too_long_is_killed(tmp_path: Path) -> None:
    path = saved(tmp_path, files.pdf([WORDS * 40] * 3000))
    async with limited(extract_seconds=0.2) as extractor:
        with pytest.raises(errors.Unprocessable, match=r"longer than 0\.2 s"):
            await extractor.extract(path)
        await nothing_runs_below(zygote(extractor))
        # and the next file is read as if nothing had been
        assert "Grüße" in (await read(extractor, tmp_path, files.docx(WORDS))).text


async def test_a_file_too_slow_for_the_quick_look_is_accepted(tmp_path: Path) -> None:
    """Whether it can be read is then the extraction's to say."""
    path = saved(tmp_path, files.docx(["word " * 200] * 60_000))
    async with limited(check_seconds=0.4) as extractor:
        await extractor.inspect(saved(tmp_path, files.docx(WORDS), "warm"))
        assert (await extractor.inspect(path)).type == "docx"


async def test_memory_is_limited(tmp_path: Path) -> None:
    path = saved(tmp_path, files.docx(["word " * 200] * 60_000))
    async with limited(memory_bytes=64 * MIB) as extractor:
        with pytest.raises(errors.Unprocessable, match="memory"):
            await extractor.extract(path)
        assert "Grüße" in (await read(extractor, tmp_path, files.docx(WORDS))).text


async def test_a_reader_that_dies_is_an_error_of_that_file(tmp_path: Path) -> None:
    path = saved(tmp_path, files.pdf([WORDS * 40] * 3000))
    async with limited() as extractor:
        task = asyncio.ensure_future(extractor.extract(path))
        child = await reader_of(extractor)
        child.send_signal(signal.SIGSEGV)
        with pytest.raises(errors.Unprocessable, match=r"ended \(signal 11;"):
            await task


async def test_a_sandbox_that_dies_is_started_anew(tmp_path: Path) -> None:
    path = saved(tmp_path, files.docx(WORDS))
    async with limited() as extractor:
        await extractor.extract(path)
        first = zygote(extractor)
        first.kill()
        first.wait(5)
        assert "Grüße" in (await extractor.extract(path)).text
        assert zygote(extractor).pid != first.pid


async def test_giving_up_kills_the_reader(tmp_path: Path) -> None:
    path = saved(tmp_path, files.pdf([WORDS * 40] * 3000))
    async with limited() as extractor:
        task = asyncio.ensure_future(extractor.extract(path))
        child = await reader_of(extractor)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await nothing_runs_below(zygote(extractor))
    await until(lambda: has_ended(child.pid))


async def test_a_thousand_pages_take_little_memory(tmp_path: Path) -> None:
    pages = [[f"Page {n}.", *WORDS * 15] for n in range(1, 1001)]
    async with limited(memory_bytes=400 * MIB) as extractor:
        document = await read(extractor, tmp_path, files.pdf(pages))
    assert len(document.pages) == 1000
    assert document.page_at(document.text.index("Page 777.")) == 777


# --- confinement ------------------------------------------------------------------------------


async def test_the_sandbox_has_no_secrets_and_ends_with_its_owner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BAUKASTEN_AUTH_TOKEN_KEY", "synthetic-secret")
    async with limited() as extractor:
        await read(extractor, tmp_path, files.docx(WORDS))
        process = zygote(extractor)
        assert "synthetic-secret" not in "".join(process.environ().values())
        assert not any(name.startswith("BAUKASTEN") for name in process.environ())
        assert os.getpgid(process.pid) == process.pid
    assert not psutil.pid_exists(process.pid)


async def test_the_sandbox_ends_even_when_its_owner_is_killed(tmp_path: Path) -> None:
    path = saved(tmp_path, files.docx(WORDS))
    owner = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", OWNER, str(path)), stdout=asyncio.subprocess.PIPE
    )
    assert owner.stdout is not None
    pid = int(await owner.stdout.readline())
    assert psutil.pid_exists(pid)
    owner.kill()
    await owner.wait()
    await until(lambda: has_ended(pid))


def has_ended(pid: int) -> bool:
    """Gone, or dead and nobody asked how it ended (a container's first process may never ask)."""
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


OWNER = """
import asyncio, sys, time
from pathlib import Path
from baukasten_core.documents.extract import Extractor
async def main():
    extractor = Extractor()
    await extractor.extract(Path(sys.argv[1]))
    print(extractor._sandbox._process.pid, flush=True)
    time.sleep(60)
asyncio.run(main())
"""


async def test_a_confined_process_reaches_no_network_and_no_files(tmp_path: Path) -> None:
    """What confinement is granted depends on the kernel; where it is granted it holds."""
    secret = saved(tmp_path, b"synthetic")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-c", PROBE, str(secret)),
        stdout=asyncio.subprocess.PIPE,
    )
    output = (await process.communicate())[0].decode()
    assert process.returncode == 0
    assert "open" not in output


PROBE = """
import ctypes, os, socket, sys
from baukasten_core import confine
from baukasten_core.documents import readers
from baukasten_core.documents.sandbox_process import _readable_paths
network = confine.without_network()
readers.load()
server = socket.create_server(("127.0.0.1", 0)) if not network else None
files = confine.read_only(_readable_paths())
def version():
    return ctypes.CDLL(None).syscall(confine.LANDLOCK_CREATE, None, 0, 1)
def opens(what):
    try:
        what()
    except OSError:
        return False
    return True
signals = files and version() >= 6
if signals and opens(lambda: os.kill(os.getppid(), 0)): print("signals open")
if files and opens(lambda: open(sys.argv[1])): print("files open")
if files and opens(lambda: open("/proc/1/environ")): print("files open")
if files and opens(lambda: open(sys.argv[1] + "2", "w")): print("files open")
if network and opens(lambda: socket.create_connection(("127.0.0.1", 9), 1)): print("network open")
if network and opens(lambda: socket.create_connection(("192.0.2.1", 9), 1)): print("network open")
"""


def zygote(extractor: Extractor) -> psutil.Process:
    process = extractor._sandbox._process
    assert process is not None
    return psutil.Process(process.pid)


async def until(check: Callable[[], T]) -> T:
    async with asyncio.timeout(20):
        while True:
            if found := check():
                return found
            await asyncio.sleep(0.005)


async def reader_of(extractor: Extractor) -> psutil.Process:
    await until(lambda: extractor._sandbox._process)
    children = await until(lambda: zygote(extractor).children())
    return children[0]


async def nothing_runs_below(process: psutil.Process) -> None:
    await until(lambda: all(has_ended(child.pid) for child in process.children()))
