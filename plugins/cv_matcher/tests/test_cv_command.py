"""`baukasten rank` against a running platform."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from baukasten_cv_matcher.commands import rank
from click.testing import CliRunner, Result

from baukasten_core.testing.fixtures_app import SignedIn

JOB = "Requirements:\n- Experience with Python\n- Terraform\n"
CVS = {"alpha.txt": "Built Python services.\nTerraform\n", "beta.txt": "Built Python scripts.\n"}


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "job.md").write_text(JOB)
    folder = tmp_path / "cvs"
    folder.mkdir()
    for name, text in CVS.items():
        (folder / name).write_text(text)
    return tmp_path


async def run(served: str, user: SignedIn, *arguments: str) -> Result:
    environment = {"BAUKASTEN_URL": served, "BAUKASTEN_TOKEN": user.token, "COLUMNS": "120"}
    runner = CliRunner(env=environment)
    return await asyncio.to_thread(runner.invoke, rank, arguments, catch_exceptions=False)


@pytest.mark.usefixtures("no_llm")
async def test_files_become_a_ranking_with_evidence(
    served: str, user: SignedIn, files: Path
) -> None:
    arguments = ("--job", str(files / "job.md"), str(files / "cvs"), "--project", "Hiring")
    result = await run(served, user, *arguments)
    assert result.exit_code == 0, result.output
    assert "alpha.txt" in result.stdout
    assert "100%" in result.stdout
    assert "“Built Python services.”" in result.stdout
    assert "no language model" in result.stdout

    # Again, with the same project: everything is there already.
    again = await run(served, user, *arguments, "--json")
    assert again.exit_code == 0, again.output
    ranking = json.loads(again.stdout)
    assert [row["label"] for row in ranking["candidates"]] == ["alpha.txt", "beta.txt"]


@pytest.mark.usefixtures("no_llm")
async def test_a_cv_that_can_not_be_read_is_named_and_the_others_are_ranked(
    served: str, user: SignedIn, files: Path
) -> None:
    (files / "cvs" / "broken.pdf").write_bytes(b"%PDF-1.7 nothing")
    result = await run(served, user, "--job", str(files / "job.md"), str(files / "cvs"))
    assert "broken.pdf" in result.stderr
    assert "alpha.txt" in result.stdout
    assert result.exit_code == 1


async def test_without_files_it_says_so(served: str, user: SignedIn, files: Path) -> None:
    (files / "empty").mkdir()
    result = await run(served, user, "--job", str(files / "job.md"), str(files / "empty"))
    assert result.exit_code == 2
    assert "No files" in result.output
