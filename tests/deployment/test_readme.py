"""README's first commands do what it says: run as they stand there, with another address."""

from __future__ import annotations

import json
import os
import re
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

ROOT = Path(__file__).parents[2]
ADDRESS = "http://127.0.0.1:8000"

Shell = Callable[..., str]


def blocks() -> list[str]:
    """The shell blocks of "A first request": PrivateGPT's commands, the others', curl."""
    (section,) = re.findall(
        r"^## A first request\n(.*?)^## ", (ROOT / "README.md").read_text(), re.M | re.S
    )
    found = re.findall(r"```sh\n(.*?)```", section, re.S)
    assert len(found) == 3
    return found


COMMANDS, SHOWCASES, CURL = blocks()


@pytest.fixture(scope="module")
def shell(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """Pastes into bash, in a home without anything in it."""
    home = tmp_path_factory.mktemp("home")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("BAUKASTEN_", "RAY_", "XDG_"))}
    environment = {**kept, "HOME": str(home), "NO_COLOR": "1", "COLUMNS": "200"}
    environment["PATH"] = f"{Path(sys.executable).parent}:{kept['PATH']}"

    def paste(block: str, folder: Path = ROOT, typed: str = "") -> str:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", block.replace(ADDRESS, platform.url)],
            cwd=folder,
            env=environment,
            input=typed,
            capture_output=True,
            text=True,
            timeout=300,
            start_new_session=True,  # without a terminal, a password is read from the input
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return paste


@pytest.fixture(scope="module")
def commands(shell: Shell, around: Any) -> str:
    """What the first block prints on a machine without a language model; who did it is signed in
    afterwards."""
    with around.ollama.down():
        return shell(COMMANDS, typed=f"{PASSWORD}\n")


def test_login_ingest_and_ask(commands: str) -> None:
    assert "Signed in" in commands
    ready = re.search(r"(\d+) ready, 0 were there already, 0 failed", commands)
    assert ready, commands
    assert int(ready[1]) >= len(list((ROOT / "docs").rglob("*.md")))
    answer = commands[ready.end() :]
    assert "row-level security" in answer
    assert "[1]" in answer
    assert "no language model answers here" in answer


def test_the_commands_of_the_other_showcases(
    shell: Shell, commands: str, tmp_path: Path, ollama: OllamaEmulator
) -> None:
    (tmp_path / "advertisement.pdf").write_bytes(
        files.pdf([["Data engineer", "Requirements:", "- Python", "- PostgreSQL"]])
    )
    for folder in ("cvs", "diary"):
        (tmp_path / folder).mkdir()
    (tmp_path / "cvs/a.pdf").write_bytes(files.pdf([["Skills: the baking of bread."]]))
    (tmp_path / "cvs/b.docx").write_bytes(files.docx(["Eight years of Python and PostgreSQL."]))
    (tmp_path / "diary/1962-03-03.txt").write_text("The first snow fell on the mill.")
    (tmp_path / "diary/1963-07-01.txt").write_text("We walked to the lake and it was warm.")
    with ollama.down():
        said = shell(SHOWCASES, tmp_path)
    assert 0 <= said.index("b.docx") < said.index("a.pdf")
    assert (tmp_path / "book.pdf").read_bytes().startswith(b"%PDF-")


def test_curl(shell: Shell) -> None:
    said, answers = shell(CURL), []
    while said:
        answer, end = json.JSONDecoder().raw_decode(said)
        answers.append(answer)
        said = said[end:].lstrip()
    user, project = answers
    assert user["email"] == "you@example.com"
    assert (project["name"], project["type"]) == ("Library", "privategpt")
    assert project["user_id"] == user["id"]
