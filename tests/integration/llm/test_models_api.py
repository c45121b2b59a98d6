"""Models over HTTP and from the shell: which are there, which are in memory, fetching more."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner, Result

from baukasten_core.cli.client import parse_events
from baukasten_core.cli.main import baukasten
from baukasten_core.testing.emulators import EmulatedModel, OllamaEmulator
from baukasten_core.testing.fixtures_app import SignedIn

PULL = "/llm/models/pull"


@pytest.fixture
def empty(ollama: OllamaEmulator) -> OllamaEmulator:
    """Ollama without a model; its library has `tiny`."""
    ollama.models = ()
    return ollama


async def pull(client: httpx.AsyncClient, who: SignedIn, **body: Any) -> list[tuple[str, Any]]:
    answer = await client.post(PULL, json=body, headers=who.headers)
    assert answer.status_code == 200, answer.text
    return list(parse_events(iter([*answer.text.splitlines(), ""])))


async def test_an_admin_sees_a_model_come_piece_by_piece(
    client: httpx.AsyncClient, admin: SignedIn, empty: OllamaEmulator
) -> None:
    events = await pull(client, admin, model="tiny")
    assert [name for name, _ in events] == ["progress", "progress", "progress", "end"]
    assert events[0][1] == {"done": 0, "total": 4096}
    assert events[-2][1] == {"done": 4096, "total": 4096}
    listing = (await client.get("/llm/models", headers=admin.headers)).json()
    assert "tiny:latest" in [model["name"] for model in listing["models"]]


async def test_only_admins_fetch_models(
    client: httpx.AsyncClient, user: SignedIn, empty: OllamaEmulator
) -> None:
    answer = await client.post(PULL, json={"model": "tiny"}, headers=user.headers)
    assert answer.status_code == 403
    assert not any(request.path == "/api/pull" for request in empty.requests)


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"model": "in-no-library"}, 404, "no model `in-no-library`"),
        ({"model": "tiny", "provider": "extractive"}, 400, "`extractive` can't fetch models"),
        ({"model": "tiny", "provider": "nobody"}, 400, "Unknown provider"),
        ({"model": ""}, 422, ""),
    ],
)
async def test_what_can_not_be_fetched_says_why(
    client: httpx.AsyncClient,
    admin: SignedIn,
    empty: OllamaEmulator,
    body: dict[str, Any],
    status: int,
    said: str,
) -> None:
    answer = await client.post(PULL, json=body, headers=admin.headers)
    assert answer.status_code == status
    assert said in answer.text


async def test_a_fetch_that_breaks_off_ends_with_an_error(
    client: httpx.AsyncClient, admin: SignedIn, empty: OllamaEmulator
) -> None:
    empty.faults.cut_after = 3
    events = await pull(client, admin, model="tiny")
    assert [name for name, _ in events] == ["progress", "progress", "error"]
    assert events[-1][1]["status"] == 503


async def test_what_is_in_memory_is_told(
    client: httpx.AsyncClient, user: SignedIn, ollama: OllamaEmulator
) -> None:
    ollama.models = (EmulatedModel("one:latest"), EmulatedModel("two:latest"))
    ollama.loaded = ("two:latest",)
    listing = (await client.get("/llm/models?provider=ollama", headers=user.headers)).json()
    loaded = {model["name"]: model["loaded"] for model in listing["models"]}
    assert loaded == {"one:latest": False, "two:latest": True}


@pytest.fixture
def shell(
    served: str, admin: SignedIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> pytest.MonkeyPatch:
    """Commands act as an admin of the application."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("BAUKASTEN_URL", served)
    monkeypatch.setenv("BAUKASTEN_TOKEN", admin.token)
    return monkeypatch


async def command(*arguments: str) -> Result:
    return await asyncio.to_thread(CliRunner().invoke, baukasten, ["models", *arguments])


async def test_the_command_lists_models(shell: pytest.MonkeyPatch, ollama: OllamaEmulator) -> None:
    ollama.loaded = ("tiny:latest",)
    listed = await command("list")
    assert "ollama/tiny:latest  (local, 32768 tokens, in memory)" in listed.stdout
    assert "anthropic: Anthropic API key not configured" in listed.stderr
    machine = json.loads((await command("list", "--json")).stdout)
    assert machine["total"] == len(machine["models"])


async def test_the_command_fetches_a_model(
    shell: pytest.MonkeyPatch, empty: OllamaEmulator
) -> None:
    done = await command("pull", "tiny")
    assert (done.exit_code, done.stdout) == (0, "tiny is there.\n")
    missing = await command("pull", "in-no-library")
    assert missing.exit_code != 0
    assert "in-no-library" in str(missing.exception) + missing.output
