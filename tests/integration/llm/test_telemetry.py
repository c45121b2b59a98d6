"""Traces say who asked which model and what came of it; no text is in them, in a log, or in an
error."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from structlog.testing import capture_logs

from baukasten_core.gateway import tracing
from baukasten_core.settings import load_settings
from baukasten_core.telemetry import traces_sent
from baukasten_core.testing.emulators import (
    EmulatedToolCall,
    OllamaEmulator,
    OpenAIEmulator,
    Reply,
)
from baukasten_core.testing.fixtures_app import SignedIn

CHAT = "/v1/chat/completions"
PROMPT, ANSWER = "canary-of-a-prompt", "canary-of-an-answer"
SYSTEM, SCHEMA, TOOL = "canary-of-a-system", "canary-of-a-schema", "canary-of-a-tool"
CANARIES = (PROMPT, ANSWER, SYSTEM, SCHEMA, TOOL)


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    """What is traced."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(tracing, "TRACER", provider.get_tracer("test"))
    return exporter


def body(model: str = "ollama/tiny", **changes: Any) -> dict[str, Any]:
    turns = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": PROMPT}]
    return {"model": model, "messages": turns, "max_tokens": 50, **changes}


async def test_a_span_tells_who_what_and_how_much(
    client: httpx.AsyncClient, user: SignedIn, ollama: OllamaEmulator, spans: InMemorySpanExporter
) -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    headers = {**user.headers, "traceparent": f"00-{trace}-b7ad6b7169203331-01"}
    answer = await client.post(CHAT, json=body(model="quick"), headers=headers)
    (span,) = spans.get_finished_spans()
    attributes = dict(span.attributes or {})
    assert span.name == "chat tiny:latest"
    assert span.context is not None
    assert format(span.context.trace_id, "032x") == trace
    assert attributes["gen_ai.operation.name"] == "chat"
    assert attributes["gen_ai.provider.name"] == "ollama"
    assert attributes["gen_ai.response.finish_reasons"] == ("stop",)
    assert attributes["baukasten.route"] == "quick"
    usage = answer.json()["usage"]
    assert attributes["gen_ai.usage.input_tokens"] == usage["prompt_tokens"]
    assert attributes["gen_ai.usage.output_tokens"] == usage["completion_tokens"]


async def test_a_failed_attempt_has_its_error(
    client: httpx.AsyncClient, user: SignedIn, ollama: OllamaEmulator, spans: InMemorySpanExporter
) -> None:
    ollama.faults.status = 400
    await client.post(CHAT, json=body(), headers=user.headers)
    (span,) = spans.get_finished_spans()
    assert dict(span.attributes or {})["error.type"] == "provider-rejected"
    assert not span.status.is_ok


FAULTS: dict[str, dict[str, Any]] = {
    "none": {},
    "refused": {"status": 400},
    "overloaded": {"status": 503},
    "cut at once": {"cut_after": 0},
    "cut": {"cut_after": 2},
    "an error in the middle": {"error_after": 2},
}
ASKED: dict[str, tuple[str, dict[str, Any]]] = {
    "a chat": (CHAT, body()),
    "a stream": (CHAT, body(stream=True)),
    "a form": (
        CHAT,
        body(
            response_format={
                "type": "json_schema",
                "json_schema": {"name": "a", "schema": {"type": "object", "required": [SCHEMA]}},
            }
        ),
    ),
    "tools": (
        CHAT,
        body(tools=[{"type": "function", "function": {"name": "t", "description": TOOL}}]),
    ),
    "a broken call": (
        CHAT,
        {
            "model": "ollama/tiny",
            "messages": [
                {"role": "user", "content": PROMPT},
                {
                    "role": "assistant",
                    "content": ANSWER,
                    "tool_calls": [{"id": "1", "function": {"name": "t", "arguments": TOOL}}],
                },
            ],
        },
    ),
    "where it may not go": (CHAT, body(model="far/tiny")),
    "what is no request": (CHAT, {"messages": [{"role": PROMPT, "content": 7}]}),
    "a message": (
        "/v1/messages",
        {
            "model": "ollama/tiny",
            "system": SYSTEM,
            "max_tokens": 9,
            "messages": [{"role": "user", "content": PROMPT}],
        },
    ),
    "a prompt": ("/llm/generate", {"prompt": PROMPT, "system": SYSTEM, "provider": "ollama"}),
    "a prompt, streamed": ("/llm/generate", {"prompt": PROMPT, "stream": True}),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("asked", ASKED)
async def test_no_text_is_in_a_trace_a_log_or_an_error(
    asked: str,
    fault: str,
    client: httpx.AsyncClient,
    user: SignedIn,
    ollama: OllamaEmulator,
    far: OpenAIEmulator,
    spans: InMemorySpanExporter,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("DEBUG")
    ollama.reply = Reply(f"{ANSWER} and more of it", (EmulatedToolCall("t", json.dumps({})),))
    for name, value in FAULTS[fault].items():
        setattr(ollama.faults, name, value)
    path, sent = ASKED[asked]
    with capture_logs() as logged:
        response = await client.post(path, json=sent, headers=user.headers)
        await asyncio.sleep(0)
    printed = capfd.readouterr()
    traced = "".join(span.to_json() for span in spans.get_finished_spans())
    said = [traced, printed.out, printed.err, caplog.text, str(logged)]
    if response.status_code >= 400:
        said.append(response.text)
    for canary in CANARIES:
        assert not any(canary in text for text in said), canary


class Collector:
    """An OpenTelemetry collector: what was posted to it."""

    def __init__(self) -> None:
        self.received: list[tuple[str, bytes]] = []
        received = self.received

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                received.append((self.path, self.rfile.read(length)))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1/traces"

    def __enter__(self) -> Collector:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as running:
        yield running


def test_spans_go_to_the_collector_that_the_settings_name(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[TracerProvider] = []
    monkeypatch.setattr("opentelemetry.trace.set_tracer_provider", made.append)
    settings = load_settings({"telemetry": {"otlp_endpoint": collector.url}})
    with traces_sent(settings, "a service"):
        made[0].get_tracer("test").start_span("chat tiny").end()
    ((path, sent),) = collector.received
    assert path == "/v1/traces"
    assert b"chat tiny" in sent
    assert b"a service" in sent
