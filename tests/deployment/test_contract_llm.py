"""The contract's table "LLM", row by row, against servers that speak the vendors' protocols."""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt
from uuid import uuid4

import pytest

from baukasten_core.testing.emulators import (
    AnthropicEmulator,
    EmulatedModel,
    OllamaEmulator,
    OpenAIEmulator,
    Reply,
)
from baukasten_core.testing.people import Person

pytestmark = pytest.mark.deployment

Problem = Callable[..., dict]

GENERATE = "/llm/generate"
SOURCES = [{"text": "The pump must be switched off before its filter is changed."}]


def chats(server: OllamaEmulator) -> list[dict]:
    return [request.json() for request in server.requests if request.path == "/api/chat"]


# --- generate -------------------------------------------------------------------------------------


def test_an_answer_says_which_provider_and_model_it_was_and_what_it_used(
    ada: Person, ollama: OllamaEmulator
) -> None:
    ollama.reply = Reply("Seven words come from an emulated model.")
    answer = ada.post(GENERATE, {"prompt": "How many words?"}).json()
    assert {"response", "provider", "model", "usage"} <= set(answer)
    assert answer["response"] == "Seven words come from an emulated model."
    assert (answer["provider"], answer["model"]) == ("ollama", "tiny:latest")
    usage = answer["usage"]
    assert {"prompt_tokens", "completion_tokens", "total_tokens"} <= set(usage)
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    assert usage["completion_tokens"] == 7


@pytest.mark.parametrize(
    ("asked", "model"),
    [
        ("ollama", "tiny:latest"),
        ("OLLAMA", "tiny:latest"),
        ("Anthropic", "claude-tiny-1"),
        ("compatible", "tiny"),
    ],
)
def test_a_provider_is_named_without_regard_to_case_and_its_first_model_answers(
    ada: Person,
    ollama: OllamaEmulator,
    anthropic: AnthropicEmulator,
    compatible: OpenAIEmulator,
    asked: str,
    model: str,
) -> None:
    answer = ada.post(GENERATE, {"prompt": "Hello", "provider": asked}).json()
    assert (answer["provider"], answer["model"]) == (asked.lower(), model)
    assert answer["response"] == "This is an emulated answer."


def test_the_defaults_and_what_the_caller_chooses_reach_the_model(
    ada: Person, ollama: OllamaEmulator
) -> None:
    ada.post(GENERATE, {"prompt": "Hello"})
    body = {
        "prompt": "Hello",
        "system": "Be brief.",
        "temperature": 1.5,
        "max_tokens": 3,
        "model": "tiny",
    }
    answer = ada.post(GENERATE, body).json()
    by_default, chosen = chats(ollama)
    assert by_default["options"]["temperature"] == 0.3
    assert by_default["options"]["num_predict"] == 2000
    assert chosen["options"]["temperature"] == 1.5
    assert chosen["messages"][0] == {"role": "system", "content": "Be brief."}
    assert answer["usage"]["completion_tokens"] == 3


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"prompt": ""},
        {"prompt": "x", "temperature": 2.1},
        {"prompt": "x", "temperature": -0.1},
        {"prompt": "x", "max_tokens": 0},
        {"prompt": "x", "max_tokens": 100_001},
        {"prompt": "x", "timeout": 0.5},
        {"prompt": "x", "timeout": 601},
        {"prompt": "x", "project_id": "nonsense"},
    ],
)
def test_what_is_out_of_range_is_422(ada: Person, body: dict) -> None:
    ada.post(GENERATE, body, 422)


def test_the_ends_of_the_ranges_are_taken(ada: Person, ollama: OllamaEmulator) -> None:
    for ends in (
        {"prompt": "x", "temperature": 0, "max_tokens": 1, "timeout": 1},
        {"prompt": "x", "temperature": 2, "max_tokens": 100_000, "timeout": 600},
    ):
        ada.post(GENERATE, ends)


def test_an_unknown_provider_is_400_that_lists_the_known(ada: Person, problem: Problem) -> None:
    said = str(problem(ada.post(GENERATE, {"prompt": "x", "provider": "nobody"}, None), 400))
    for name in ("ollama", "anthropic", "grok", "compatible", "extractive"):
        assert name in said


def test_a_provider_without_a_key_is_400_api_key_not_configured(
    ada: Person, problem: Problem
) -> None:
    answer = ada.post(GENERATE, {"prompt": "x", "provider": "grok"}, None)
    assert "API key not configured" in problem(answer, 400)["detail"]


def test_a_named_provider_that_is_not_reachable_is_503_with_retry_after(
    ada: Person, problem: Problem, ollama: OllamaEmulator
) -> None:
    answer = ada.post(GENERATE, {"prompt": "x", "provider": "nobody_there"}, None)
    problem(answer, 503)
    assert int(answer.headers["retry-after"]) > 0
    assert chats(ollama) == []  # nobody else was asked instead


def test_a_model_that_is_not_there_is_404_that_lists_what_is_and_how_to_pull_it(
    ada: Person, problem: Problem, ollama: OllamaEmulator
) -> None:
    ollama.models = (EmulatedModel("tiny:latest"), EmulatedModel("small:latest"))
    body = {"prompt": "x", "provider": "ollama", "model": "huge"}
    said = str(problem(ada.post(GENERATE, body, None), 404))
    for words in ("tiny", "pull huge"):
        assert words in said


def test_what_may_not_leave_is_403_and_not_a_byte_is_sent(
    ada: Person, admin: Person, problem: Problem, abroad: OpenAIEmulator
) -> None:
    body = {"prompt": "A private question", "provider": "abroad"}
    problem(ada.post(GENERATE, body, None), 403)
    ada.get("/llm/models")
    assert (bytes(abroad.received), abroad.connections) == (b"", 0)
    entries = admin.get("/admin/audit?limit=100").json()
    refused = [entry for entry in entries if entry["user_id"] == ada.id]
    assert any("residency" in entry["action"] or "refus" in entry["outcome"] for entry in refused)


def test_a_tenant_that_allows_a_region_is_served_from_there(
    newcomer: Callable[..., Person], abroad: OpenAIEmulator
) -> None:
    person = newcomer()
    (tenant,) = person.get("/tenants").json()
    person.patch(f"/tenants/{tenant['id']}", {"residency": ["local", "abroad"]})
    answer = person.post(GENERATE, {"prompt": "x", "provider": "abroad"}).json()
    assert answer["provider"] == "abroad"


def test_no_provider_named_the_chain_answers_and_ends_in_extractive_with_sources(
    ada: Person, ollama: OllamaEmulator
) -> None:
    body = {"prompt": "When must the pump be switched off?", "sources": SOURCES}
    assert ada.post(GENERATE, body).json()["provider"] == "ollama"
    with ollama.down():
        answer = ada.post(GENERATE, body).json()
    assert answer["provider"] == "extractive"
    assert SOURCES[0]["text"] in answer["response"]


def test_a_project_with_documents_gives_the_sources(ada: Person, ollama: OllamaEmulator) -> None:
    project = ada.project()
    ada.ready(ada.text("The grey heron waits for fish in shallow water.", project))
    body = {"prompt": "Which bird waits for fish?", "project_id": project}
    assert ada.post(GENERATE, body).json()["provider"] == "ollama"
    assert "grey heron" in str(chats(ollama)[-1]["messages"])
    with ollama.down():
        answer = ada.post(GENERATE, body).json()
    assert answer["provider"] == "extractive"
    assert "grey heron" in answer["response"]


def test_a_bare_prompt_that_no_model_can_answer_is_503_that_says_how_to_add_one(
    ada: Person, problem: Problem, ollama: OllamaEmulator
) -> None:
    with ollama.down():
        answer = ada.post(GENERATE, {"prompt": "Hello"}, None)
    said = problem(answer, 503)
    assert answer.headers["retry-after"]
    assert "model" in f"{said['detail']} {said.get('hint', '')}"


def test_a_project_of_another_user_is_404(
    ada: Person, bob: Person, problem: Problem, ollama: OllamaEmulator
) -> None:
    for project in (bob.project(), str(uuid4())):
        body = {"prompt": "Hello", "project_id": project}
        problem(ada.post(GENERATE, body, None), 404)
    assert chats(ollama) == []


def test_an_answer_is_streamed_when_asked(ada: Person, ollama: OllamaEmulator) -> None:
    events = list(ada.events("POST", GENERATE, json={"prompt": "Hello", "stream": True}))
    names = [name for name, _ in events]
    assert (names[0], names[-1], names.count("text") > 1) == ("start", "end", True)
    assert "error" not in names
    text = "".join(data["text"] for name, data in events if name == "text")
    assert text == "This is an emulated answer."
    assert events[0][1]["provider"] == "ollama"
    assert events[-1][1]["usage"]["total_tokens"] > 0


# --- models, embed --------------------------------------------------------------------------------


def test_the_models_are_asked_live_and_who_does_not_answer_is_listed_with_the_reason(
    ada: Person, ollama: OllamaEmulator, anthropic: AnthropicEmulator, compatible: OpenAIEmulator
) -> None:
    body = ada.get("/llm/models").json()
    assert body["total"] == len(body["models"])
    assert all({"name", "provider", "description", "region"} <= set(row) for row in body["models"])
    listed = {(row["provider"], row["name"]): row["region"] for row in body["models"]}
    for wanted in (
        ("ollama", "tiny:latest"),
        ("anthropic", "claude-tiny-1"),
        ("compatible", "tiny"),
    ):
        assert listed[wanted] == "local"
    absent = {row["provider"]: row["reason"] for row in body["unavailable"]}
    assert {"grok", "nobody_there"} <= set(absent)
    assert all(len(reason.split()) > 2 for reason in absent.values())


def test_the_models_of_one_provider(
    ada: Person, compatible: OpenAIEmulator, problem: Problem
) -> None:
    compatible.models = (EmulatedModel("first"), EmulatedModel("second"))
    body = ada.get("/llm/models", params={"provider": "Compatible"}).json()
    assert [row["name"] for row in body["models"]] == ["first", "second"]
    assert {row["provider"] for row in body["models"]} == {"compatible"}
    problem(ada.get("/llm/models", None, params={"provider": "nobody"}), 400)


def test_a_text_is_embedded_with_a_vector_of_unit_length(ada: Person, problem: Problem) -> None:
    body = ada.post("/llm/embed", {"text": "A heron waits."}).json()
    assert set(body) == {"embedding", "model", "dimensions"}
    assert len(body["embedding"]) == body["dimensions"] == 384
    assert sqrt(sum(value**2 for value in body["embedding"])) == pytest.approx(1, abs=1e-3)
    named = ada.post("/llm/embed", {"text": "A heron waits.", "model": body["model"]}).json()
    assert named["embedding"] == pytest.approx(body["embedding"], abs=1e-3)
    problem(ada.post("/llm/embed", {"text": "x", "model": "nothing"}, None), 404)
    for wrong in ({}, {"text": ""}):
        ada.post("/llm/embed", wrong, 422)
