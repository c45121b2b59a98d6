"""Limits hold for all replicas together, whatever happens to one, and cost no round trip a call."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack
from typing import Any
from uuid import UUID

import psycopg
import pytest
import pytest_asyncio

from baukasten_core.contracts.auth import Principal
from baukasten_core.contracts.gateway import GatewayCall, collect
from baukasten_core.contracts.llm import GenerateRequest, Message, Usage
from baukasten_core.contracts.provider import Provider
from baukasten_core.db.session import Database
from baukasten_core.errors import BudgetExhausted, ProviderUnavailable, TooManyRequests
from baukasten_core.gateway import Gateway, build_instances
from baukasten_core.gateway.leases import BLOCKS, Leases
from baukasten_core.gateway.limits import Cap, most_prompt_tokens
from baukasten_core.gateway.prices import Price, Prices
from baukasten_core.testing.fakes import FakeLLM
from baukasten_core.testing.fixtures_db import DatabaseUrls

TOKENS = Cap("tenant", "tokens", "month", 10_000)
BLOCK = TOKENS.most // BLOCKS


class Ledger:
    """What the database has written down of a tenant's meter."""

    def __init__(self, url: str, tenant_id: UUID) -> None:
        self._url, self._tenant = url, tenant_id

    def used(self, meter: str = TOKENS.meter) -> int:
        return self._sum("SELECT sum(used) FROM core.llm_meters", meter)

    def leased(self, meter: str = TOKENS.meter) -> int:
        return self._sum("SELECT sum(amount) FROM core.llm_leases", meter)

    def _sum(self, statement: str, meter: str) -> int:
        where = f"{statement} WHERE tenant_id = %s AND meter = %s"
        with psycopg.connect(self._url) as connection:
            ((found,),) = connection.execute(where, [self._tenant, meter]).fetchall()  # type: ignore[arg-type]
        return int(found or 0)


@pytest.fixture
def ledger(database_urls: DatabaseUrls, tenant: Principal) -> Ledger:
    return Ledger(database_urls.owner, tenant.tenant_id)


Replicas = Callable[..., Leases]


@pytest_asyncio.fixture
async def replicas(database: Database) -> AsyncIterator[Replicas]:
    """Makes replicas that hold these caps, without their background work; those that are not
    killed give back what they hold."""

    def make(*caps: Cap) -> Leases:
        async def caps_of(call: GatewayCall) -> Sequence[Cap]:
            return caps

        return Leases(database, caps_of)

    yield make


def call(tenant: Principal, **changes: Any) -> GatewayCall:
    request = GenerateRequest("", (Message("user", "How old?"),), **changes)
    return GatewayCall(request, tenant_id=tenant.tenant_id, user_id=tenant.user_id)


async def spend(replica: Leases, asked: GatewayCall, tokens: int, used: int | None = None) -> None:
    reservation = await replica.reserve(asked, tokens, 0)
    reservation.settle(Usage(tokens if used is None else used, 0), 0)


async def test_what_was_used_is_charged_and_the_rest_is_there_again(
    replicas: Replicas, tenant: Principal, ledger: Ledger
) -> None:
    one = replicas(TOKENS)
    for _ in range(100):  # of 400 tokens at most, 50 in truth
        await spend(one, call(tenant), 400, used=50)
    assert ledger.used() == 0  # nothing is written with a call
    with pytest.raises(BudgetExhausted, match="10,000"):
        await one.reserve(call(tenant), 5_001, 0)
    await one.flush(all_back=True)
    assert (ledger.used(), ledger.leased()) == (5_000, 0)


async def test_calls_that_fit_into_a_block_ask_the_database_once(
    replicas: Replicas, tenant: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = replicas(TOKENS)
    asked = 0
    lease = one._lease

    async def counted(*arguments: Any) -> Any:
        nonlocal asked
        asked += 1
        return await lease(*arguments)

    monkeypatch.setattr(one, "_lease", counted)
    await asyncio.gather(*(spend(one, call(tenant), 10) for _ in range(10)))
    assert asked == 1


async def test_two_hundred_calls_on_two_replicas_one_killed_never_exceed_the_budget(
    replicas: Replicas, tenant: Principal, ledger: Ledger
) -> None:
    one, two = replicas(TOKENS), replicas(TOKENS)
    spent, refused, need = 0, 0, 60
    killed = asyncio.Event()

    async def caller(number: int) -> None:
        nonlocal spent, refused
        replica = one if number % 2 and not killed.is_set() else two
        try:
            reservation = await replica.reserve(call(tenant), need, 0)
        except BudgetExhausted:
            refused += 1
            return
        await asyncio.sleep(0)  # meanwhile the model answers
        spent += need
        if replica is one and killed.is_set():
            return  # it died before it could settle
        reservation.settle(Usage(need, 0), 0)
        if number == 100:
            await one.flush()
            killed.set()

    for first in range(0, 400, 40):
        await asyncio.gather(*(caller(number) for number in range(first, first + 40)))
    await two.flush(all_back=True)
    assert refused
    assert spent <= TOKENS.most
    # Nothing was refused while more than one block a replica was left.
    assert spent > TOKENS.most - 2 * max(BLOCK, need)
    # What the dead one held stays charged.
    assert ledger.used() + ledger.leased() <= TOKENS.most
    assert ledger.used() + ledger.leased() >= spent
    assert 0 <= ledger.leased() <= 20 * need + BLOCK


async def test_the_last_of_a_budget_can_be_spent(
    replicas: Replicas, tenant: Principal, ledger: Ledger
) -> None:
    one = replicas(TOKENS)
    for _ in range(TOKENS.most // 7):
        await spend(one, call(tenant), 7)
    with pytest.raises(BudgetExhausted):
        await spend(one, call(tenant), 7)
    await spend(one, call(tenant), TOKENS.most % 7)
    await one.flush()
    assert ledger.used() == TOKENS.most


async def test_what_lies_idle_goes_back(
    replicas: Replicas, tenant: Principal, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = replicas(TOKENS)
    await spend(one, call(tenant), 10)
    await one.flush()
    assert ledger.leased() == BLOCK - 10
    monkeypatch.setattr("baukasten_core.gateway.leases.IDLE_SECONDS", 0)
    await one.flush()
    assert (ledger.used(), ledger.leased()) == (10, 0)


async def test_a_refusal_holds_nothing_back(
    replicas: Replicas, tenant: Principal, ledger: Ledger
) -> None:
    money = Cap("project:x", "money", "month", 5)
    one = replicas(TOKENS, money)
    with pytest.raises(BudgetExhausted, match="this project"):
        await one.reserve(call(tenant), 100, 6)
    await one.flush(all_back=True)
    assert (ledger.used(), ledger.leased()) == (0, 0)


async def test_a_rate_says_when_to_come_back(replicas: Replicas, tenant: Principal) -> None:
    one = replicas(Cap("key:x", "requests", "minute", 3))
    for _ in range(3):
        await spend(one, call(tenant), 1)
    with pytest.raises(TooManyRequests, match="3 requests a minute") as caught:
        await spend(one, call(tenant), 1)
    assert 1 <= int(caught.value.headers["Retry-After"]) <= 60


async def test_a_limit_of_nothing_refuses_everything(replicas: Replicas, tenant: Principal) -> None:
    with pytest.raises(BudgetExhausted):
        await replicas(Cap("tenant", "tokens", "month", 0)).reserve(call(tenant), 1, 0)


async def test_while_the_database_is_away_what_is_leased_can_be_used_and_is_written_later(
    database: Database, replicas: Replicas, tenant: Principal, ledger: Ledger
) -> None:
    one = replicas(TOKENS)
    await spend(one, call(tenant), 10)
    one._database = Database("postgresql://nobody@127.0.0.1:9/none")
    await spend(one, call(tenant), 20)
    await one.flush()
    assert ledger.used() == 0
    one._database = database
    await one.flush()
    assert ledger.used() == 30


# --- through the gateway ----------------------------------------------------------------------


def gateway(limiter: Leases, llm: FakeLLM) -> Gateway:
    instances = build_instances({"fake": Provider("fake", build=lambda _: llm)}, {"fake": {}})
    prices = Prices({"fake": Price(prompt=1.0, completion=2.0)})
    return Gateway(instances, ["fake"], prices=prices, limiter=limiter, retries=0)


async def test_a_call_reserves_its_most_and_is_charged_what_it_used(
    replicas: Replicas, tenant: Principal, ledger: Ledger
) -> None:
    money = Cap("tenant", "money", "month", 1_000)
    limiter = replicas(TOKENS, money)
    answers = gateway(limiter, FakeLLM("One two three."))
    await collect(answers.generate(call(tenant, max_tokens=50)))
    await limiter.flush()
    assert (ledger.used(), ledger.used(money.meter)) == (2 + 3, 2 * 1 + 3 * 2)
    with pytest.raises(BudgetExhausted):
        await collect(answers.generate(call(tenant, max_tokens=1_000)))


async def test_who_did_not_answer_costs_nothing(
    replicas: Replicas, tenant: Principal, ledger: Ledger
) -> None:
    llm = FakeLLM()
    llm.error = ProviderUnavailable("It is down.")
    limiter = replicas(TOKENS)
    with pytest.raises(ProviderUnavailable):
        await collect(gateway(limiter, llm).generate(call(tenant, max_tokens=50)))
    await limiter.flush(all_back=True)
    assert (ledger.used(), ledger.leased()) == (0, 0)


async def test_nothing_is_asked_beyond_a_budget(replicas: Replicas, tenant: Principal) -> None:
    llm = FakeLLM()
    limiter = replicas(Cap("tenant", "tokens", "month", 10))
    with pytest.raises(BudgetExhausted):
        await collect(gateway(limiter, llm).generate(call(tenant)))
    assert not llm.requests


def test_no_tokenizer_finds_more_tokens_than_there_are_bytes() -> None:
    text = "Grüße, 世界! 👋🏽"
    asked = GenerateRequest("", (Message("user", text),))
    assert most_prompt_tokens(asked) >= len(text.encode())


async def test_leaving_gives_everything_back(
    database: Database, replicas: Replicas, tenant: Principal, ledger: Ledger
) -> None:
    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(replicas(TOKENS))
        await spend(one, call(tenant), 30)
    assert (ledger.used(), ledger.leased()) == (30, 0)
