"""Gateways that come, go and die under load: no request fails that need not, and no budget is
exceeded."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from baukasten_serve.testing import Platform

from baukasten_core.gateway.leases import BLOCKS
from baukasten_core.testing.emulators import OpenAIEmulator, Reply
from baukasten_core.testing.emulators.replies import Asked
from baukasten_core.testing.people import Person
from tests.deployment.scaling import quickly_scaling, until

pytestmark = [pytest.mark.deployment, pytest.mark.slow]

CALLERS = 200
BUDGET = 30_000
ANSWER = "Invoices are sent on the first working day of the month to every customer."
CHAT = {"model": "near/tiny", "messages": [{"role": "user", "content": "When?"}], "max_tokens": 20}
LOST = 0
"""In place of a status: the connection broke."""

NEED = 60
"""What such a call sets aside, at most."""


@pytest.fixture(scope="module")
def upstream() -> Iterator[OpenAIEmulator]:
    with OpenAIEmulator() as server:
        yield server


@pytest.fixture(scope="module")
def platform(
    upstream: OpenAIEmulator, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Platform]:
    """A platform whose gateway takes a second replica at once, and gives it back soon."""
    llm = {
        "instances": {"near": {"provider": "openai_compatible", "base_url": upstream.url}},
        "chain": ["near"],
    }
    path: Path = tmp_path_factory.mktemp("config") / "serve_config.yaml"
    config = quickly_scaling(path, "gateway", ongoing=20, num_cpus=0.1, settings={"llm": llm})
    with Platform.temporary() as running:
        running.config = config
        running.start()
        yield running
        running.stop()


class Crowd:
    """Callers who ask again and again, until they are refused or told to stop."""

    def __init__(self, person: Person, url: str, callers: int) -> None:
        self.statuses: Counter[int] = Counter()
        self._headers, self._url, self._callers = dict(person.http.headers), url, callers
        self._stop = False

    async def __aenter__(self) -> Crowd:
        limits = httpx.Limits(max_connections=None)
        self._http = httpx.AsyncClient(
            base_url=self._url, headers=self._headers, timeout=120, limits=limits
        )
        self._tasks = [asyncio.create_task(self._ask()) for _ in range(self._callers)]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stop = True
        await self.done()
        await self._http.aclose()

    async def done(self) -> None:
        await asyncio.gather(*self._tasks)

    async def _ask(self) -> None:
        while not self._stop:
            try:
                answer = await self._http.post("/v1/chat/completions", json=CHAT)
            except httpx.RemoteProtocolError:
                # Of a killed replica, on a connection that was used before: HAProxy closes it.
                self.statuses[LOST] += 1
                continue
            self.statuses[answer.status_code] += 1
            if answer.status_code == 402:
                return


def test_gateways_come_with_the_load_and_go_with_it_and_the_embedder_stays(
    platform: Platform, upstream: OpenAIEmulator
) -> None:
    upstream.reset()
    upstream.faults.first_delay = 0.2
    embedders = set(platform.replicas("embedder"))
    trace: list[tuple[float, int]] = []
    began = time.monotonic()

    def gateways() -> int:
        count = len(platform.replicas("gateway"))
        if not trace or trace[-1][1] != count:
            trace.append((round(time.monotonic() - began, 1), count))
        return count

    async def run() -> Counter[int]:
        with Person.register(platform.url) as person:
            async with Crowd(person, platform.url, 60) as busy:
                await asyncio.to_thread(until, lambda: gateways() == 2)
                both = busy.statuses.total()
                await asyncio.to_thread(until, lambda: busy.statuses.total() > both + 500)
            async with Crowd(person, platform.url, 2) as calm:
                await asyncio.to_thread(until, lambda: gateways() == 1)
                alone = calm.statuses.total()
                await asyncio.to_thread(until, lambda: calm.statuses.total() > alone + 20)
        return busy.statuses + calm.statuses

    until(lambda: gateways() == 1)
    statuses = asyncio.run(run())
    print(f"gateways over time (s): {trace}; answers: {dict(statuses)}")
    assert set(statuses) == {200}
    assert set(platform.replicas("embedder")) == embedders


def test_two_hundred_calls_on_two_replicas_one_killed_never_exceed_the_budget(
    platform: Platform, upstream: OpenAIEmulator
) -> None:
    upstream.reset()
    spent = Counter[str]()

    def count(asked: Asked) -> Reply:
        spent["calls"] += 1
        spent["tokens"] += asked.tokens + len(ANSWER.split())
        return Reply(ANSWER)

    upstream.reply = count
    upstream.faults.first_delay = 0.3

    async def run() -> tuple[Counter[int], dict[str, Any]]:
        with Person.register(platform.url) as person:
            async with Crowd(person, platform.url, 60) as crowd:
                await asyncio.to_thread(until, lambda: len(platform.replicas("gateway")) == 2)
            spent.clear()
            (tenant,) = person.get("/tenants").json()
            limits = f"/tenants/{tenant['id']}/limits"
            person.call("PUT", f"{limits}/tenant", 204, json={"tokens_per_month": BUDGET})
            async with Crowd(person, platform.url, CALLERS) as crowd:
                await asyncio.to_thread(until, lambda: spent["tokens"] > BUDGET / 3)
                platform.replicas("gateway")[0].kill()
                await crowd.done()
            await asyncio.sleep(2)  # the living write down what was used every second
            (shown,) = person.get(limits).json()
            return crowd.statuses, shown

    statuses, shown = asyncio.run(run())
    charged, block = shown["charged"]["tokens_per_month"], BUDGET // BLOCKS
    print(f"budget {BUDGET}, spent {dict(spent)}, charged {charged}, answers {dict(statuses)}")
    assert spent["tokens"] <= BUDGET
    assert spent["tokens"] <= charged <= BUDGET
    assert statuses[402] == CALLERS
    # Nobody was refused while more than a block a replica was left: three held one, with the dead.
    assert charged > BUDGET - 3 * max(block, NEED)
    # What the dead one had set aside stays charged: its callers' and a block.
    assert charged - spent["tokens"] <= CALLERS * NEED / 2 + block
