"""The commands of a client, end to end against the real platform."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from baukasten_serve.testing import Platform

from baukasten_core.testing import files
from baukasten_core.testing.emulators import OllamaEmulator
from baukasten_core.testing.people import PASSWORD

pytestmark = pytest.mark.deployment

Run = Callable[..., subprocess.CompletedProcess[str]]

MAIN = "from baukasten_core.cli.main import main; main()"
"""The script `baukasten`, wherever it is installed."""

TEXTS = {
    "pumps": ["The pump must be switched off first.", "The filter is changed every six weeks."],
    "bread": ["Yeast turns sugar into carbon dioxide.", "So the dough rises overnight."],
    "trains": ["The train to the north leaves from platform seven.", "It is never late."],
}


@pytest.fixture(scope="module")
def run(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """`baukasten ...` as somebody who has signed in once."""
    home = tmp_path_factory.mktemp("home")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("BAUKASTEN_", "RAY_", "XDG_"))}
    environment = {**kept, "HOME": str(home), "NO_COLOR": "1"}

    def call(*arguments: str | Path, status: int = 0) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", MAIN, *map(str, arguments)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
        assert done.returncode == status, done.stdout + done.stderr
        return done

    name = f"cli-{os.getpid()}@example.test"
    signed_in = call(
        *("login", "--url", platform.url, "--email", name, "--password", PASSWORD, "--register")
    )
    assert name in signed_in.stdout
    (credentials,) = home.rglob("credentials.json")
    assert stat.S_IMODE(credentials.stat().st_mode) == 0o600
    assert PASSWORD not in credentials.read_text()
    return call


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("papers")
    for suffix, (name, paragraphs) in zip(("pdf", "docx", "md"), TEXTS.items(), strict=True):
        (made / f"{name}.{suffix}").write_bytes(files.FORMATS[suffix](paragraphs))
    return made


def answer(done: subprocess.CompletedProcess[str]) -> Any:
    return json.loads(done.stdout)


def test_ingest_and_ask(run: Run, folder: Path, ollama: OllamaEmulator) -> None:
    tally = answer(run("ingest", folder, "--project", "Papers", "--json"))
    assert len(tally["ready"]) == len(TEXTS)
    assert (tally["already_there"], tally["failed"]) == ([], {})
    again = answer(run("ingest", folder, "--project", "Papers", "--json"))
    assert (again["ready"], len(again["already_there"])) == ([], len(TEXTS))
    with ollama.down():
        question = "How often is the filter changed?"
        said = answer(run("ask", question, "--project", "Papers", "--json"))
        shown = run("ask", question, "--project", "Papers").stdout
    assert (said["found"], said["grounded"], said["method"]) == (True, True, "extractive")
    assert "six weeks" in said["answer"]
    assert {item["title"] for item in said["citations"]} == {"pumps.pdf"}
    assert "six weeks" in shown
    assert "pumps.pdf" in shown


def test_ingest_says_what_failed_and_the_rest_is_there(run: Run, tmp_path: Path) -> None:
    (tmp_path / "good.txt").write_text("A readable text about herons.")
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.7 broken")
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(50))
    tally = answer(run("ingest", tmp_path, "--project", "Mixed", "--json", status=1))
    assert len(tally["ready"]) == 1
    assert {Path(name).name for name in tally["failed"]} == {"broken.pdf", "picture.png"}
    assert all(tally["failed"].values())


def test_rank(run: Run, tmp_path: Path) -> None:
    job = tmp_path / "job.md"
    job.write_text("# Data engineer\n\nRequirements:\n\n- Python\n- PostgreSQL\n")
    cvs = tmp_path / "cvs"
    cvs.mkdir()
    (cvs / "a.pdf").write_bytes(files.pdf([["Skills: gardening and baking of bread."]]))
    (cvs / "b.docx").write_bytes(files.docx(["Eight years of Python and PostgreSQL."]))
    ranking = answer(run("rank", "--job", job, cvs, "--method", "extractive", "--json"))
    assert (ranking["status"], ranking["total"], ranking["failed"]) == ("done", 2, 0)
    assert [row["rank"] for row in ranking["candidates"]] == [1, 2]
    assert "b" in ranking["candidates"][0]["label"]
    assert ranking["candidates"][0]["score"] > ranking["candidates"][1]["score"]


def test_book(run: Run, tmp_path: Path, ollama: OllamaEmulator) -> None:
    (tmp_path / "1962-03-03.txt").write_text("The first snow fell on the roof of the mill.")
    (tmp_path / "1963-07-01.txt").write_text("We walked to the lake and it was warm.")
    out = tmp_path / "life.pdf"
    with ollama.down():
        made = answer(run("book", tmp_path, "--project", "Life", "--out", out, "--json"))
    assert (made["status"], made["added"], made["failed"]) == ("ready", 2, [])
    assert out.read_bytes().startswith(b"%PDF-")
    assert made["pages"] >= 2


def test_a_wrong_password_is_said_and_nothing_is_kept(run: Run, platform: Platform) -> None:
    done = run(
        *("login", "--url", platform.url, "--email", "nobody@example.test", "--password", "wrong"),
        status=1,
    )
    assert "LOGIN_BAD_CREDENTIALS" in done.stderr
    run("ask", "Who waits for fish?", "--project", "No such project", "--json", status=1)
