"""`baukasten book` against a served platform whose jobs run, and dates in files."""

from __future__ import annotations

import asyncio
import json
from datetime import date
from pathlib import Path

import pytest
from baukasten_tellmelife.command import book, file_name
from baukasten_tellmelife.diary import find_date, read_entries
from click.testing import CliRunner, Result

from baukasten_core.api import Settings, Unprocessable
from baukasten_core.testing.emulators import OpenAIEmulator
from baukasten_core.testing.fixtures_app import SignedIn, test_settings
from baukasten_core.testing.fixtures_db import DatabaseUrls

FILES = {
    "1962-03-03 The new house.txt": "The first morning smelled of paint.\n",
    "sub/19620809.md": "# At the lake\n\nThe weather held until the evening.\r\nIt did.",
    "letter.txt": "\ufeff3. März 1961: Ein Brief\n\nHeute kam ein Brief.",
    "ignored.pdf": "not read",
}


@pytest.fixture(scope="module")
def app_settings(
    database_urls: DatabaseUrls, emulator: OpenAIEmulator, tmp_path_factory: pytest.TempPathFactory
) -> Settings:
    return test_settings(
        tmp_path_factory.mktemp("home"),
        database_urls,
        llm={"instances": {"extractive": {"provider": "extractive"}}, "chain": ["extractive"]},
        jobs={"in_process": True},
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        path = tmp_path / "diary" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, newline="")
    return tmp_path / "diary"


@pytest.mark.parametrize(
    ("line", "day"),
    [
        ("1962-03-03", date(1962, 3, 3)),
        ("Berlin, 3.3.1962", date(1962, 3, 3)),
        ("Saturday, 3 March 1962", date(1962, 3, 3)),
        ("March 3, 1962", date(1962, 3, 3)),
        ("3. März 1962", date(1962, 3, 3)),
        ("3 de marzo de 1962", date(1962, 3, 3)),
        ("31 February 1962", None),
        ("2 apples 1962", None),
        ("no date", None),
    ],
)
def test_dates_are_read_as_people_write_them(line: str, day: date | None) -> None:
    assert find_date(line) == day


def test_entries_come_from_names_and_first_lines_in_order(folder: Path) -> None:
    found = [(str(e.date), e.title, e.text) for e in read_entries([folder])]
    assert found == [
        ("1961-03-03", "Ein Brief", "Heute kam ein Brief."),
        ("1962-03-03", "The new house", "The first morning smelled of paint."),
        ("1962-08-09", "At the lake", "The weather held until the evening.\nIt did."),
    ]


def test_every_file_that_can_not_be_read_is_named(folder: Path) -> None:
    (folder / "undated.txt").write_text("Once upon a time.")
    (folder / "1970-01-01.txt").write_text(" ")
    (folder / "1970-01-02.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(Unprocessable) as caught:
        read_entries([folder])
    for part in ("undated.txt: no date", "1970-01-01.txt: no text", "1970-01-02.txt: it is not"):
        assert part in caught.value.detail


def test_a_title_makes_a_safe_file_name() -> None:
    assert file_name("../What/I\x00 know: ¿qué?") == "_What_I_ know_ _qué_.pdf"
    assert file_name("...") == "book.pdf"


async def test_a_folder_becomes_a_book_and_a_second_run_adds_nothing(
    served: str, user: SignedIn, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BAUKASTEN_URL", served)
    monkeypatch.setenv("BAUKASTEN_TOKEN", user.token)
    out = tmp_path / "life.pdf"

    async def run() -> Result:
        arguments = [str(folder), "--project", "A life", "--out", str(out), "--json"]
        result = await asyncio.to_thread(CliRunner().invoke, book, arguments)
        assert result.exit_code == 0, result.output + str(result.exception)
        return result

    first = json.loads((await run()).stdout)
    assert (first["added"], first["total"], first["failed"]) == (3, 3, [])
    assert out.read_bytes().startswith(b"%PDF")
    assert len(out.read_bytes()) == first["size"]
    second = json.loads((await run()).stdout)
    assert (second["added"], second["total"]) == (0, 3)
