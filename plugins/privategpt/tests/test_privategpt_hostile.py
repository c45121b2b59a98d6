"""Documents that give orders: what they say stays data, on the way to the model and back."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from baukasten_core.testing.emulators import OpenAIEmulator, Reply
from baukasten_core.testing.fixtures_app import SignedIn

sys.path.insert(0, str(Path(__file__).parent))
from hostile import HOSTILE, Hostile, question

FENCED = re.compile(r"<<<source \[\d+\] (\w+)>>>\n.*?\n<<<end of source \1>>>", re.DOTALL)


def test_there_are_thirty_and_more() -> None:
    assert len(HOSTILE) >= 30


@pytest.mark.parametrize("hostile", HOSTILE, ids=lambda hostile: hostile.name)
async def test_what_a_document_orders_is_fenced_data_and_its_answer_mere_text(
    client: httpx.AsyncClient,
    user: SignedIn,
    project: str,
    add_text: Any,
    get: Any,
    llm: OpenAIEmulator,
    hostile: Hostile,
) -> None:
    await add_text(hostile.text)
    llm.reply = Reply(hostile.payload)
    response = await client.post(
        f"/privategpt/projects/{project}/ask",
        json={"question": question(hostile), "stream": True},
        headers=user.headers,
    )
    (asked,) = [request.json() for request in llm.requests if request.method == "POST"]
    outside = "".join(FENCED.sub("", message["content"]) for message in asked["messages"])
    first_line = hostile.payload.splitlines()[0]
    if len(first_line) < 1000:  # a longer one is cut between passages
        assert first_line not in outside
    blocks = [block.split("\n") for block in response.text.strip().split("\n\n")]
    assert all(len(lines) == 2 for lines in blocks), "a piece of an answer forged an event"
    names = [lines[0] for lines in blocks]
    assert names.count("event: done") == 1
    done = json.loads(blocks[-1][1].removeprefix("data: "))
    assert done["answer"] == hostile.payload
    assert all(citation["number"] in (1, 2) for citation in done["citations"])
    url = f"/privategpt/projects/{project}/conversations/{done['conversation_id']}"
    assert (await get(url))["messages"][1]["content"] == hostile.payload
