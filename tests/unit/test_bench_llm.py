"""What the benchmarks of models and of the gateway say is what was there."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from xml.etree import ElementTree

import pytest

from baukasten_core.testing.emulators import OpenAIEmulator
from benchmarks.gateway import upstream
from benchmarks.gateway.report import Report
from benchmarks.gateway.servers import DIRECT, LITELLM, OURS, PORTKEY
from benchmarks.gateway.streams import at_the_same_time
from benchmarks.inference.__main__ import rising
from benchmarks.inference.measure import Target, measure
from benchmarks.inference.report import document, svg, table
from benchmarks.load import Request, Result, run


@pytest.fixture
def server() -> Iterator[OpenAIEmulator]:
    with OpenAIEmulator() as running:
        yield running


def target(server: OpenAIEmulator, model: str = "tiny") -> Target:
    return Target(server.url, model, {}, prompt_words=3)


async def test_a_level_counts_what_the_server_counted(server: OpenAIEmulator) -> None:
    server.faults.piece_delay = 0.02
    level = await measure(target(server), clients=3, seconds=0.3)
    assert len(level.wholes) == len(server.requests)
    assert level.completion_tokens == 5 * len(level.wholes)
    assert not level.failures
    row = level.document()
    assert row["between_tokens_ms"]["p50"] >= 15
    assert row["first_token_ms"]["p50"] < row["answer_ms"]["p50"]


async def test_it_stops_where_more_clients_bring_no_more(server: OpenAIEmulator) -> None:
    levels = await rising(target(server), seconds=0.3, most_clients=64)
    assert [level.clients for level in levels] == [2**number for number in range(len(levels))]
    best = max(level.tokens_per_second for level in levels)
    last = levels[-1]
    assert last.clients == 64 or last.tokens_per_second <= best
    assert len(table(levels).splitlines()) == len(levels) + 1
    assert len(document(levels, {"model": "tiny"})["levels"]) == len(levels)
    assert ElementTree.fromstring(svg(levels, "a < b")).tag.endswith("svg")


async def test_failures_are_told(server: OpenAIEmulator) -> None:
    levels = await rising(target(server, "not-there"), seconds=0.1, most_clients=4)
    assert len(levels) == 1
    assert levels[0].failures[0].startswith("404")


async def test_the_canned_upstream_says_how_late_a_gateway_is() -> None:
    loop = asyncio.get_running_loop()
    running = await loop.create_server(upstream.Canned, "127.0.0.1", 0)
    port = running.sockets[0].getsockname()[1]

    def chat(model: str, more: bytes = b"") -> Request:
        body = b'{"model": "%s"%s}' % (model.encode(), more)
        return Request.post(f"http://127.0.0.1:{port}/v1/chat/completions", {}, body)

    async with running:
        whole = await run(chat("canned-1-0"), connections=2, seconds=0.2, warmup=0.0)
        late = await at_the_same_time(chat("canned-20-100", b', "stream": true'), 3)
    assert whole.requests > 10
    assert (late.streams, late.pieces) == (3, 60)
    assert 0 <= late.first_p50 < 1000


def test_promises_are_medians_of_what_was_measured_in_a_round() -> None:
    report = Report()
    for rate in (100, 200, 400):
        for who, times in ((DIRECT, 50.0), (OURS, 10.0), (PORTKEY, 8.0), (LITELLM, 1.0)):
            report.add(who, Result(16, int(rate * times), 1.0, 1.0, 2.0))
            report.add(who, Result(1, 10, 1.0, 3.0 if who == OURS else 1.0, 4.0))
    report.memory_mib = {20_000: 100.0, 200_000: 104.0}
    promises = report.promises()
    assert promises["requests/s at 16 clients, times LiteLLM"] == 10
    assert promises["requests/s at 16 clients, times Portkey"] == 1.25
    assert promises["p50 added at 1 client, ms"] == 2
    assert promises["memory after the long run to that after the short"] == 1.04
    assert "LiteLLM" in report.table()
    assert ElementTree.fromstring(report.svg()).tag.endswith("svg")
