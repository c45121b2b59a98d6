"""`baukasten eval retrieval`, from the file to the table: the real search in a real PostgreSQL."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil
import pytest
from click.testing import CliRunner, Result

from baukasten_core.assembly import open_services
from baukasten_core.cli.main import baukasten, main
from baukasten_core.contracts.auth import Principal
from baukasten_core.evaluation.pairs import Doc, Pairs, Query
from baukasten_core.evaluation.retrieval import evaluate, searchers
from baukasten_core.plugins import PluginHost
from baukasten_core.services import Services
from baukasten_core.settings import Settings
from baukasten_core.testing.fakes import FakeEmbedder
from baukasten_core.testing.fixtures_app import test_settings as settings_of
from baukasten_core.testing.fixtures_db import DatabaseUrls

TEXTS = {
    "invoice": ("Invoices", "An invoice is paid within fourteen days."),
    "pump": ("Pumps", "Switch the pump off before its filter is changed."),
    "bread": ("Baking", "Bread rises because yeast turns sugar into carbon dioxide."),
    "train": ("Züge", "Der Zug nach Norden fährt heute von Gleis sieben ab."),
}
QUESTIONS = {
    "invoice": "When is an invoice paid?",
    "pump": "How is the filter of the pump changed?",
    "bread": "What does yeast do to sugar?",
    "train": "Auf welchem Gleis steht der Zug nach Norden?",
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "pairs.json"
    docs = [{"id": id, "title": title, "text": text} for id, (title, text) in TEXTS.items()]
    queries = [{"id": id, "query": query} for id, query in QUESTIONS.items()]
    path.write_text(json.dumps({"docs": docs, "queries": queries}))
    return path


def run(file: Path, *options: str) -> Result:
    environment = {"BAUKASTEN_HOME": str(file.parent / "home")}
    return CliRunner().invoke(
        baukasten,
        ["eval", "retrieval", str(file), *options],
        env=environment,
        catch_exceptions=False,
    )


def test_the_search_and_each_part_alone_are_measured(file: Path) -> None:
    done = run(file, "--json", "--without-answers", "--half", "odd")
    report = json.loads(done.stdout)
    assert (report["documents"], report["queries"]) == (4, 2)
    assert list(report["measures"]) == ["search", "cosine alone", "BM25 alone"]
    perfect = dict.fromkeys(("recall@1", "recall@5", "recall@10", "MRR@10", "nDCG@10"), 1.0)
    assert report["measures"]["search"] == perfect
    assert report["nothing_relevant"] == {
        "relevant_score": 0.35,
        "with_answers": 1.0,
        "without_answers": 0.0,
    }


def test_people_get_a_table_and_nothing_of_their_own_is_touched(file: Path) -> None:
    done = run(file, "--limit", "1")
    assert "1 queries, 4 documents" in done.stdout
    for word in ("search", "cosine alone", "BM25 alone", "recall@10", "nDCG@10", "1.000"):
        assert word in done.stdout
    assert "Indexing" in done.stderr
    assert "nothing relevant" not in done.stdout
    assert {path.name for path in (file.parent / "home").iterdir()} == {"secrets.json"}


def test_a_file_that_is_wrong_is_a_sentence(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text(json.dumps({"docs": [{"id": "a", "text": "text"}], "queries": []}))
    with pytest.raises(SystemExit) as caught:
        main(["eval", "retrieval", str(file)])
    assert caught.value.code == 1
    assert "queries" in capsys.readouterr().err


@pytest.fixture
def scratch() -> Iterator[Path]:
    """For temporary files. Not below pytest's own folder, which others may not enter: as root, the
    embedded PostgreSQL runs as another user."""
    with TemporaryDirectory(prefix="baukasten-test-") as folder:
        yield Path(folder)


def test_ended_in_the_middle_it_leaves_nothing_behind(file: Path, scratch: Path) -> None:
    environment = {"BAUKASTEN_HOME": str(file.parent / "home"), "TMPDIR": str(scratch)}
    program = "from baukasten_core.cli.main import main; main()"
    command = [sys.executable, "-c", program, "eval", "retrieval", str(file)]
    running = subprocess.Popen(command, env={**os.environ, **environment})
    server = at_work(scratch, running)
    running.send_signal(signal.SIGTERM)
    assert running.wait(30) != 0
    assert has_ended(server)
    assert list(scratch.iterdir()) == []


def has_ended(process: psutil.Process) -> bool:
    """Whether it ends within half a minute; it may still wait for init to collect it."""
    deadline = time.monotonic() + 30
    with suppress(psutil.NoSuchProcess):
        while process.status() != psutil.STATUS_ZOMBIE:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.01)
    return True


def at_work(scratch: Path, running: subprocess.Popen[bytes]) -> psutil.Process:
    """Its PostgreSQL, once it is used."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        assert running.poll() is None, "it ended before its time"
        with suppress(OSError, ValueError, IndexError, psutil.Error):
            (path,) = scratch.glob("baukasten-eval-*/postgres/data/postmaster.pid")
            server = psutil.Process(int(path.read_text().split()[0]))
            if any("baukasten_app" in " ".join(p.cmdline()) for p in server.children()):
                return server
        time.sleep(0.01)
    raise AssertionError("its PostgreSQL was not used within two minutes")


# --- the same in process, with a fake embedder ------------------------------------------------


class Steps:
    """Counts the progress that is told."""

    def __init__(self) -> None:
        self.left: dict[str, int] = {}

    def __call__(self, what: str, steps: int) -> Any:
        self.left[what] = steps

        def advance() -> None:
            self.left[what] -= 1

        return advance


HOST = PluginHost.discover(disabled=("cv_matcher", "privategpt", "tellmelife"))


@pytest.fixture(scope="module")
async def services(app_settings: Settings) -> AsyncIterator[Services]:
    async with open_services(app_settings, HOST, embedder=FakeEmbedder()) as services:
        yield services


async def test_with_a_reranker_the_search_without_it_is_measured_too(
    database_urls: DatabaseUrls, tmp_path: Path
) -> None:
    options = {"reranker": "cross_encoder", "reranker_options": {"model": "/not/loaded"}}
    settings = settings_of(tmp_path, database_urls, retrieval=options)
    async with open_services(settings, HOST, embedder=FakeEmbedder()) as services:
        assert "without the reranker" in searchers(services)


async def test_each_part_counts_for_itself(services: Services, tenant: Principal) -> None:
    """The nearer document has the common word often; the rare word is worth more to BM25."""
    common = [Doc(id=word, text=f"common {word}") for word in ("day", "night", "bread", "water")]
    docs = [
        Doc(id="near", text="common common common"),
        Doc(id="rare", text="alpha stands among seven further words here"),
        *common,
    ]
    queries = [Query(id="rare", query="common alpha")]
    steps = Steps()
    report = await evaluate(services, tenant, Pairs(docs, queries), steps)
    assert report.measures["cosine alone"]["recall@1"] == 0
    assert report.measures["BM25 alone"]["recall@1"] == 1
    assert list(steps.left) == ["Indexing", *report.measures]
    assert set(steps.left.values()) == {0}


async def test_documents_of_the_same_text_are_one(services: Services, tenant: Principal) -> None:
    docs = [Doc(id="one", text="the same text"), Doc(id="two", text="the same text")]
    queries = [Query(id="two", query="the same text")]
    report = await evaluate(services, tenant, Pairs(docs, queries), Steps())
    assert report.measures["search"]["recall@1"] == 1


async def test_what_is_left_when_the_answers_are_taken_out_is_judged(
    services: Services, tenant: Principal
) -> None:
    """Of two documents that say the same in other words, one still answers."""
    text = "the pump is switched off before its filter is changed"
    docs = [Doc(id="one", text=text), Doc(id="two", text=f"{text} by hand")]
    query = "is the pump switched off before its filter is changed?"
    one = Query(id="one", query=query)
    both = Query(id="both", query=query, relevant=frozenset({"one", "two"}))
    report = await evaluate(services, tenant, Pairs(docs, [one, both]), Steps())
    assert report.nothing_relevant.with_answers == 1
    assert report.nothing_relevant.without_answers == 0.5
