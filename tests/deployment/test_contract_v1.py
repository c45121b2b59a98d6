"""`/v1`: OpenAI's shapes, OpenAI's errors, OpenAI's own client."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from math import sqrt

import httpx
import openai
import pytest
from baukasten_serve.testing import Platform

from baukasten_core.testing.emulators import OllamaEmulator, OpenAIEmulator
from baukasten_core.testing.people import Person

pytestmark = pytest.mark.deployment

HELLO = [{"role": "user", "content": "Hello"}]


@pytest.fixture(scope="module")
def key(ada: Person) -> str:
    """An API key, as a program of somebody's has it."""
    return str(ada.post("/auth/api-keys", {"name": "OpenAI client"}, 201).json()["key"])


@pytest.fixture(scope="module")
def client(platform: Platform, key: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{platform.url}/v1", api_key=key, max_retries=0) as client:
        yield client


def test_what_calls_used_is_among_rays_metrics(
    platform: Platform, client: openai.OpenAI, ollama: OllamaEmulator
) -> None:
    client.chat.completions.create(model="", messages=HELLO)  # type: ignore[arg-type]
    address = json.loads((platform.home / "run/platform.json").read_text())["metrics"]
    deadline = time.monotonic() + 60
    while not (counted := _calls(httpx.get(address).text, 'provider="ollama"')):
        assert time.monotonic() < deadline, "Ray exports them every few seconds"
        time.sleep(0.5)
    assert any('outcome="answered"' in line for line in counted)


def _calls(shown: str, label: str) -> list[str]:
    name = "ray_baukasten_llm_calls_total{"
    return [line for line in shown.splitlines() if line.startswith(name) and label in line]


def test_chat_answers_and_says_who_it_was(client: openai.OpenAI, ollama: OllamaEmulator) -> None:
    answer = client.chat.completions.create(model="", messages=HELLO)  # type: ignore[arg-type]
    assert (answer.object, answer.model) == ("chat.completion", "ollama/tiny:latest")
    (choice,) = answer.choices
    assert (choice.message.role, choice.finish_reason) == ("assistant", "stop")
    assert choice.message.content == "This is an emulated answer."
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


def test_a_model_is_named_with_its_provider(
    client: openai.OpenAI, compatible: OpenAIEmulator
) -> None:
    answer = client.chat.completions.create(model="compatible/tiny", messages=HELLO)  # type: ignore[arg-type]
    assert answer.model == "compatible/tiny"
    assert len(compatible.requests) >= 1


def test_chat_is_streamed_when_asked(client: openai.OpenAI, ollama: OllamaEmulator) -> None:
    stream = client.chat.completions.create(
        model="ollama/tiny",
        messages=HELLO,  # type: ignore[arg-type]
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = list(stream)
    pieces = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
    assert "".join(pieces) == "This is an emulated answer."
    assert len([piece for piece in pieces if piece]) > 1
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.total_tokens > 0


def test_models_are_listed(client: openai.OpenAI, ollama: OllamaEmulator) -> None:
    listed = list(client.models.list())
    ids = {model.id for model in listed}
    assert {"ollama/tiny:latest", "compatible/tiny", "anthropic/claude-tiny-1"} <= ids
    assert not [name for name in ids if name.startswith("abroad/")]  # nobody's data may go there
    assert client.models.retrieve("ollama/tiny:latest").id == "ollama/tiny:latest"


def test_embeddings_come_in_order_with_unit_length(client: openai.OpenAI) -> None:
    texts = ["A heron waits.", "Bread rises."]
    made = client.embeddings.create(model="", input=texts)
    assert [row.index for row in made.data] == [0, 1]
    for row, text in zip(made.data, texts, strict=True):
        assert len(row.embedding) == 384
        assert sqrt(sum(value**2 for value in row.embedding)) == pytest.approx(1, abs=1e-3)
        single = client.embeddings.create(model=made.model, input=text, encoding_format="float")
        assert single.data[0].embedding == pytest.approx(row.embedding, abs=1e-2)
    assert made.usage.total_tokens > 0


# --- errors ---------------------------------------------------------------------------------------


def check(answer: httpx.Response, status: int) -> str:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    error = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    return str(error["message"])


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/v1/chat/completions"), ("GET", "/v1/models"), ("POST", "/v1/embeddings")],
)
def test_without_a_key_it_is_401_in_openai_s_shape(
    anybody: httpx.Client, method: str, path: str
) -> None:
    body = {"input": "x", "model": "", "messages": HELLO}
    check(anybody.request(method, path, json=body if method == "POST" else None), 401)


@pytest.mark.parametrize(
    ("path", "body", "status", "says"),
    [
        ("chat/completions", {"messages": []}, 400, "messages"),
        ("chat/completions", {"model": "x"}, 400, "messages"),
        ("chat/completions", {"messages": HELLO, "temperature": 3}, 400, "temperature"),
        ("chat/completions", {"messages": HELLO, "model": "ollama/huge"}, 404, "huge"),
        ("chat/completions", {"messages": HELLO, "model": "abroad/tiny"}, 403, "abroad"),
        (
            "chat/completions",
            {"messages": HELLO, "model": "nobody_there/x"},
            503,
            "does not answer",
        ),
        ("embeddings", {"model": ""}, 400, "input"),
        ("embeddings", {"input": [], "model": ""}, 400, "input"),
        ("embeddings", {"input": "x", "model": "nothing"}, 404, "nothing"),
    ],
)
def test_errors_have_the_shape_that_openai_s_clients_read(
    ada: Person, ollama: OllamaEmulator, path: str, body: dict, status: int, says: str
) -> None:
    assert says in check(ada.post(f"/v1/{path}", body, None), status)


def test_a_key_without_the_scope_llm_is_403(ada: Person, platform: Platform) -> None:
    made = ada.post("/auth/api-keys", {"name": "Reader", "scopes": ["read"]}, 201).json()
    headers = {"Authorization": f"Bearer {made['key']}"}
    answer = httpx.get(f"{platform.url}/v1/models", headers=headers, timeout=30)
    assert "llm" in check(answer, 403)


def test_a_key_that_is_none_is_an_authentication_error(platform: Platform) -> None:
    with (
        openai.OpenAI(base_url=f"{platform.url}/v1", api_key="bk_none", max_retries=0) as client,
        pytest.raises(openai.AuthenticationError),
    ):
        client.models.list()
