"""`baukasten ask` against a running platform."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from baukasten_privategpt.commands import ask
from click.testing import CliRunner, Result

from baukasten_core.testing.emulators import OpenAIEmulator, Reply
from baukasten_core.testing.fixtures_app import SignedIn

TEXT = "The filter of the pump is changed every six weeks. Oil is checked on Mondays."
QUESTION = "When is the filter of the pump changed?"


async def run(served: str, user: SignedIn, *arguments: str) -> Result:
    environment = {"BAUKASTEN_URL": served, "BAUKASTEN_TOKEN": user.token, "COLUMNS": "120"}
    runner = CliRunner(env=environment)
    return await asyncio.to_thread(runner.invoke, ask, arguments, catch_exceptions=False)


@pytest.mark.usefixtures("no_llm")
async def test_an_answer_comes_with_its_quotes_and_says_that_no_model_gave_it(
    served: str, user: SignedIn, project: str, add_text: Any
) -> None:
    await add_text(TEXT, "Pumps")
    result = await run(served, user, QUESTION, "--project", project)
    assert result.exit_code == 0, result.output
    assert "every six weeks" in result.stdout
    assert "[1] Pumps" in result.stdout
    assert "no language model" in result.stdout


async def test_as_json_it_is_the_whole_answer(
    served: str, user: SignedIn, project: str, add_text: Any, llm: OpenAIEmulator
) -> None:
    await add_text(TEXT, "Pumps")
    llm.reply = Reply("Every six weeks [1].")
    result = await run(served, user, QUESTION, "--project", "Tests", "--json")
    answer = json.loads(result.stdout)
    assert answer["answer"] == "Every six weeks [1]."
    assert answer["grounded"]


async def test_an_answer_that_breaks_off_is_an_error(
    served: str, user: SignedIn, project: str, add_text: Any, llm: OpenAIEmulator
) -> None:
    await add_text(TEXT, "Pumps")
    llm.faults.cut_after = 1
    result = await run(served, user, QUESTION, "--project", project)
    assert result.exit_code == 1
    assert "Error:" in result.stderr
