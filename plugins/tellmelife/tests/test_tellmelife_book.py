"""Books: made from real entries, read back from the PDF."""

from __future__ import annotations

import io
import re
from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import docx
import httpx
import pytest
from baukasten_tellmelife.book import make_book
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pypdf import PdfReader

from baukasten_core.api import Kit, Services
from baukasten_core.testing.emulators import OpenAIEmulator
from baukasten_core.testing.emulators.replies import Asked, Reply
from baukasten_core.testing.fixtures_app import SignedIn

if TYPE_CHECKING:
    from conftest import Life, MakeLife

DE = (
    "Heute sind wir an den See gefahren, und das Wetter hielt bis zum Abend. Das Boot war neu "
    'gestrichen. "Wer rudert, der bestimmt", hieß es, und also haben wir abwechselnd gerudert.\n\n'
    "Mittags gab es Brot und Käse auf dem Steg. Ein Dampfer der Donaudampfschifffahrtsgesellschaft "
    "fuhr vorbei, dessen Wellen uns alle nass machten."
)
EN = (
    "The first morning in the new house smelled of paint. The kettle was put on before a single "
    "box was opened.\n\nEvery room was measured twice with the folding rule, and nobody minded."
)
ES = (
    "El primer día de escuela llovió tanto que llegamos con los zapatos llenos de agua. La maestra "
    "los puso junto a la estufa.\n\nPor la tarde salió el sol y volvimos a casa despacio."
)

pytestmark = pytest.mark.usefixtures("no_llm")


def letters(text: str) -> str:
    """What is left when white space, hyphenation and the form of quotation marks don't count."""
    text = text.replace("\u00ad\n", "").replace("\u00ad", "").replace("\u200b", "")
    text = re.sub("[\"'“”„‘’‚«»‹›]", "'", text)
    for ligature, plain in {"ﬁ": "fi", "ﬂ": "fl", "ﬀ": "ff", "ﬃ": "ffi", "ﬄ": "ffl"}.items():
        text = text.replace(ligature, plain)
    return "".join(text.split()).casefold()


class Pages:
    """A PDF's pages as text, with running headers and page numbers taken off where asked."""

    def __init__(self, content: bytes) -> None:
        self.reader = PdfReader(io.BytesIO(content))
        self.texts = [page.extract_text() for page in self.reader.pages]

    @property
    def all(self) -> str:
        return letters("".join(self.texts))

    def outline(self) -> list[str]:
        def titles(items: list[Any]) -> list[str]:
            found = []
            for item in items:
                found += titles(item) if isinstance(item, list) else [item.title]
            return found

        return titles(self.reader.outline)

    def page_of(self, title: str) -> int:
        def items(found: list[Any]) -> list[Any]:
            return [
                i for item in found for i in (items(item) if isinstance(item, list) else [item])
            ]

        item = next(item for item in items(self.reader.outline) if item.title == title)
        number = self.reader.get_destination_page_number(item)
        assert number is not None
        return number


async def test_a_book_has_title_contents_chapters_outline_and_metadata(life: Life) -> None:
    await life.entry("1962-08-09", DE, title="Am See")
    await life.entry("1962-03-03", EN, title="The new house")
    await life.entry("1963-01-08", ES, title="Zapatos mojados")
    book = await life.book(
        title="Was ich weiß",
        subtitle="Drei Tage",
        author="A. Beispiel",
        dedication="Für alle",
        language="de",
    )
    assert (book["status"], book["done"], book["total"]) == ("ready", 3, 3), book
    assert (book["failed"], book["missing"], book["error"]) == ([], [], None)
    content = await life.pdf(book)
    assert len(content) == book["size"]
    pages = Pages(content)
    assert len(pages.texts) == book["pages"]
    meta = pages.reader.metadata
    assert meta is not None
    assert (meta.title, meta.author, meta.subject) == ("Was ich weiß", "A. Beispiel", "Drei Tage")
    root: Any = pages.reader.trailer["/Root"]
    assert root["/Lang"] == "de"
    for words in ("Was ich weiß", "Drei Tage", "1962 bis 1963"):
        assert letters(words) in letters(pages.texts[0])
    assert pages.outline()[:3] == ["The new house", "Am See", "Zapatos mojados"]
    for sample in (DE, EN, ES):
        for paragraph in sample.split("\n\n"):
            assert letters(paragraph) in pages.all


async def test_the_contents_give_the_page_each_chapter_is_on(life: Life) -> None:
    titles = [f"Chapter called {word}" for word in ("alpha", "beta", "gamma", "delta")]
    for number, title in enumerate(titles):
        await life.entry(
            f"1970-01-0{number + 1}", "\n\n".join([EN] * (1 + 8 * number)), title=title
        )
    pages = Pages(await life.pdf(await life.book(language="en")))
    contents = next(text for text in pages.texts if text.lstrip().lower().startswith("contents"))
    labels = pages.reader.page_labels
    for title in titles:
        match = re.search(rf"{title}[\s.]*(\d+)", contents)
        assert match, contents
        assert labels[pages.page_of(title)] == match[1]
        assert letters(title) in letters(pages.texts[pages.page_of(title)])


async def test_years_are_parts_when_there_are_many_chapters(life: Life) -> None:
    for n in range(8):
        await life.entry(f"19{60 + n % 2}-05-{10 + n}", EN, title=f"Chapter {n}")
    pages = Pages(await life.pdf(await life.book(language="en")))
    assert pages.outline()[:5] == ["1960", "Chapter 0", "Chapter 2", "Chapter 4", "Chapter 6"]


SYLLABLES = {
    "de": "Stra-ßen-bahn-hal-te-stel-le Nach-mit-tags-vor-stel-lung Som-mer-fe-ri-en-an-fang",
    "en": "rep-re-sen-ta-tion un-der-stand-ing ex-tra-or-di-nary hy-phen-ation",
    "es": "ex-tra-or-di-na-ria-men-te re-pre-sen-ta-cio-nes co-no-ci-mien-tos",
}


@pytest.mark.parametrize("language", SYLLABLES)
async def test_words_are_hyphenated_by_the_rules_of_their_language(
    life: Life, language: str
) -> None:
    words = [word.split("-") for word in SYLLABLES[language].split()]
    right = {("".join(w[:n]), "".join(w[n:])) for w in words for n in range(1, len(w))}
    # Words of growing length in between, so that lines end at every place.
    text = " ".join(f"{'n' * (k % 9 + 1)} {''.join(words[k % len(words)])}" for k in range(400))
    await life.entry("1970-01-01", text, language=language)
    pages = Pages(await life.pdf(await life.book(language="en")))
    pieces = set(re.findall(r"(\w+)[\u00ad-]\n(\w+)", "\n".join(pages.texts)))
    whole = {pair for pair in pieces if any("".join(pair) == "".join(word) for word in words)}
    assert len(whole) > 3
    assert whole <= right


HOSTILE = (
    '#read("/etc/passwd") #import "@preview/x:1.0.0" $ sum $ @label <label> = Heading\n'
    "- item *bold* _it_ `raw` // comment /* x */ \\ #panic() [ ] { } ~ --- ... ]#{"
)


async def test_hostile_text_is_printed_as_it_is(life: Life) -> None:
    await life.entry("1970-01-01", HOSTILE, title="#panic() $x$ <b>")
    book = await life.book(title="#title $", author="[#x]", dedication="@y <z>", subtitle="*s*")
    assert book["status"] == "ready", book
    text = Pages(await life.pdf(book)).all
    for line in [*HOSTILE.split("\n"), "#panic() $x$ <b>", "#title $", "[#x]", "@y <z>", "*s*"]:
        assert letters(line) in text
    assert "root:" not in text


@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(texts=st.lists(st.text(min_size=1, max_size=200), min_size=1, max_size=4))
async def test_any_text_becomes_a_book(life: Life, texts: list[str]) -> None:
    for body in texts:
        await life.call(
            "POST", f"/projects/{life.project}/entries", json={"date": "1970-01-01", "text": body}
        )
    await life.entry("1970-01-02", EN)
    book = await life.book(title="All sorts")
    assert book["status"] == "ready", book


async def test_characters_no_font_can_show_are_named_in_the_book_and_its_status(life: Life) -> None:
    await life.entry("1970-01-01", EN + " And a strange sign: \U0001fbc9")
    book = await life.book()
    assert book["missing"] == ["\U0001fbc9"]
    assert letters("U+1FBC9") in Pages(await life.pdf(book)).all


async def test_a_chapter_that_failed_is_reported_and_has_its_page(
    life: Life, llm: OpenAIEmulator
) -> None:
    def reply(request: Asked) -> Reply:
        if "Am See" in request.prompt:
            return Reply("")
        return Reply("# Paint\n\nThe morning smelled of paint, and the kettle was on the stove.")

    llm.reply = reply
    await life.entry("1962-03-03", EN)
    bad = await life.entry("1962-08-09", DE, title="Am See")
    book = await life.book(language="en")
    assert (book["status"], len(book["failed"])) == ("ready", 1)
    assert book["failed"][0]["entry_id"] == bad["id"]
    assert book["failed"][0]["date"] == "1962-08-09"
    assert book["failed"][0]["reason"]
    pages = Pages(await life.pdf(book))
    page = pages.texts[pages.page_of("Am See")]
    assert letters("This chapter could not be written") in letters(page)
    assert letters("Chapters that could not be written: 1") in pages.all
    llm.reply = Reply("Am See hielt das Wetter bis zum Abend, und das Boot war neu gestrichen.")
    assert (await life.book())["failed"] == []


async def test_a_book_none_of_whose_chapters_could_be_written_has_failed(
    life: Life, llm: OpenAIEmulator
) -> None:
    llm.reply = Reply("")
    await life.entry("1962-03-03", EN)
    book = await life.book()
    assert book["status"] == "failed"
    assert "no text" in book["error"]
    response = await life.call("GET", f"/books/{book['id']}/file")
    assert response.status_code == 409
    assert response.json()["hint"] == book["error"]


async def test_what_a_model_added_is_listed_in_the_book(life: Life, llm: OpenAIEmulator) -> None:
    llm.reply = Reply("# Paint\n\nThe new house smelled of paint when we met Anna in Hamburg.")
    await life.entry("1962-03-03", EN)
    pages = Pages(await life.pdf(await life.book()))
    assert letters("Paint: Anna, Hamburg") in pages.all
    assert letters("language model (tiny)") in pages.all


async def test_only_the_days_asked_for_are_in_the_book(life: Life) -> None:
    for year in (1960, 1961, 1962):
        await life.entry(f"{year}-06-01", EN, title=f"Summer of {year}")
    book = await life.book(since="1961-01-01", until="1961-12-31")
    assert (book["status"], book["total"]) == ("ready", 1)
    text = Pages(await life.pdf(book)).all
    assert "summerof1961" in text
    assert "summerof1960" not in text
    assert "summerof1962" not in text


async def test_a_book_without_entries_is_422(life: Life) -> None:
    response = await life.call("POST", f"/projects/{life.project}/book")
    assert response.status_code == 422
    assert "entry" in response.json()["detail"]
    response = await life.call(
        "POST",
        f"/projects/{life.project}/book",
        json={"since": "1961-01-01", "until": "1960-01-01"},
    )
    assert response.status_code == 422


async def test_a_book_that_is_not_ready_says_how_far_it_is(life: Life) -> None:
    await life.entry("1962-03-03", EN)
    started = await life.call("POST", f"/projects/{life.project}/book")
    assert started.status_code == 202
    location = started.headers["location"].removeprefix("/tellmelife")
    assert (await life.call("GET", location)).json()["status"] == "queued"
    for path, headers in ((location, {"Accept": "application/pdf"}), (f"{location}/file", {})):
        response = await life.call("GET", path, headers=headers)
        assert response.status_code == 409
        assert "0 of 1" in response.json()["hint"]


async def test_the_book_itself_comes_when_pdf_is_asked_for(life: Life) -> None:
    await life.entry("1962-03-03", EN)
    book = await life.book(title='Life/"é"\n#1')
    url = f"/books/{book['id']}"
    pdf = await life.call("GET", url, headers={"Accept": "application/pdf"})
    assert pdf.content.startswith(b"%PDF")
    assert pdf.headers["content-disposition"].startswith('inline; filename="Life__')
    assert pdf.headers["cache-control"] == "private, no-store"
    listed = await life.call("GET", f"/projects/{life.project}/books")
    assert [item["id"] for item in listed.json()] == [book["id"]]


async def test_a_manuscript_to_work_on_comes_as_docx(life: Life) -> None:
    await life.entry("1962-03-03", EN, title="The new house")
    await life.entry("1962-08-09", DE, title="Am See")
    book = await life.book(title="Was ich weiß", author="A. Beispiel")
    response = await life.call("GET", f"/books/{book['id']}/manuscript")
    assert response.status_code == 200
    assert response.headers["content-disposition"].startswith("attachment; filename=")
    document = docx.Document(io.BytesIO(response.content))
    texts = [paragraph.text for paragraph in document.paragraphs]
    assert texts[:2] == ["Was ich weiß", "A. Beispiel"]
    for words in ("The new house", "3 March 1962", "Am See", *EN.split("\n\n"), *DE.split("\n\n")):
        assert words in texts


async def test_made_again_after_a_crash_a_book_is_made_once(life: Life) -> None:
    await life.entry("1962-03-03", EN)
    book = await life.book()
    kit = Kit(life.services, life.user.principal)
    await make_book(kit, book_id=UUID(book["id"]))
    assert (await life.call("GET", f"/books/{book['id']}")).json() == book
    await make_book(kit, book_id=uuid4())


async def test_chapters_that_are_there_are_not_written_again(
    life: Life, llm: OpenAIEmulator
) -> None:
    def answers() -> int:
        return sum(request.path.endswith("completions") for request in llm.requests)

    llm.reply = Reply("# Paint\n\nThe morning smelled of paint, and the kettle was on the stove.")
    made = await life.entry("1962-03-03", EN)
    await life.book()
    asked = answers()
    await life.book()
    assert answers() == asked
    await life.call("PATCH", f"/entries/{made['id']}", json={"text": EN + " And then it rained."})
    await life.book()
    assert answers() > asked


async def test_a_model_that_goes_away_leaves_own_words_and_the_book_says_so(
    life: Life, llm: OpenAIEmulator
) -> None:
    def reply(request: Asked) -> Reply:
        llm.faults.status = 503
        return Reply("# Paint\n\nThe morning smelled of paint, and the kettle was on the stove.")

    llm.reply = reply
    for day in range(1, 5):
        await life.entry(f"1962-03-0{day}", EN)
    book = await life.book(language="en")
    assert (book["status"], book["failed"]) == ("ready", [])
    text = Pages(await life.pdf(book)).all
    assert letters("Chapters in the entries’ own words: 3") in text
    assert letters("edited from the entries: 1") in text


async def test_files_go_with_the_book_and_with_the_project(
    client: httpx.AsyncClient,
    life: Life,
    services: Services,
    run_jobs: Callable[[], Awaitable[None]],
) -> None:
    await life.entry("1962-03-03", EN)
    first, second = await life.book(), await life.book()
    blobs = services.settings.home / "blobs"
    assert len([path for path in blobs.rglob(f"*{life.project}/*") if path.is_file()]) == 2
    assert (await life.call("DELETE", f"/books/{first['id']}")).status_code == 204
    assert (await life.call("GET", f"/books/{first['id']}")).status_code == 404
    assert [path.name for path in blobs.rglob(f"*{life.project}/*")] == [second["id"]]
    deleted = await client.delete(f"/projects/{life.project}", headers=life.user.headers)
    assert deleted.status_code == 204
    await run_jobs()
    assert not list(blobs.rglob(f"*{life.project}*"))


@pytest.mark.slow
async def test_two_hundred_entries_make_a_book_within_the_limits(
    user: SignedIn, make_life: MakeLife
) -> None:
    life = await make_life(user, author="A. Beispiel")
    start = date(1950, 1, 1)
    for n in range(200):
        day = (start + timedelta(days=17 * n)).isoformat()
        await life.entry(
            day, f"Marker{n}q. {(DE, EN, ES)[n % 3]}", language=("de", "en", "es")[n % 3]
        )
    book = await life.book()
    assert (book["status"], book["done"], book["failed"]) == ("ready", 200, [])
    pages = Pages(await life.pdf(book))
    found = re.findall(r"marker(\d+)q", pages.all)
    assert [int(n) for n in dict.fromkeys(found)] == list(range(200))
