"""OpenAI's SDK for Node, unchanged, against `/v1`."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from baukasten_core.testing.emulators import EmulatedToolCall, OllamaEmulator, Reply
from baukasten_core.testing.emulators.replies import Asked
from baukasten_core.testing.fixtures_app import SignedIn
from tests.nodejs import NODE

FOLDER = Path(__file__).parents[2] / "node"
TEXT = "This is an emulated answer."


def replying(asked: Asked) -> Reply:
    """A call of the tool, where there is one."""
    return Reply("", (EmulatedToolCall("weather", "{}"),)) if asked.tools else Reply(TEXT)


async def test_it_chats_streams_calls_tools_lists_and_embeds(
    served: str, user: SignedIn, ollama: OllamaEmulator
) -> None:
    if not (FOLDER / "node_modules").exists():
        pytest.fail("tests/node/node_modules is missing: run `make install-test`")
    ollama.reply = replying
    process = await asyncio.create_subprocess_exec(
        *(str(NODE), str(FOLDER / "openai.mjs"), f"{served}/v1", user.token, "ollama/tiny"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(60):
        out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    seen = json.loads(out)
    assert (seen["whole"], seen["streamed"]) == (TEXT, TEXT)
    assert seen["pieces"] > 1
    assert seen["usage"]["completion_tokens"] == 5
    assert seen["call"] == {"name": "weather", "arguments": "{}"}
    assert "ollama/tiny:latest" in seen["models"]
    assert seen["dimensions"] == [8, 8]
    assert seen["refused"] == {"kind": "NotFoundError", "status": 404, "code": "model-not-found"}
