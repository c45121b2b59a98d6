"""Budgets and rates, leased from PostgreSQL in blocks: a call that fits into what this process
holds makes no round trip.

What is charged in the database is what was used and what is leased. So the limits hold whatever
happens to a process: what a dead one held stays charged, a block at most, until it is settled.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, Self
from uuid import UUID, uuid4

import structlog
from sqlalchemy import text

from baukasten_core.contracts.auth import Scope
from baukasten_core.contracts.gateway import GatewayCall
from baukasten_core.contracts.llm import Usage
from baukasten_core.db.session import Database
from baukasten_core.errors import BudgetExhausted, TooManyRequests, Unavailable
from baukasten_core.gateway.limits import Cap, Unit
from baukasten_core.gateway.prices import MILLION

log = structlog.get_logger("baukasten.gateway")

LEASE = text("SELECT * FROM core.lease(:meter, :every, :most, :need, :block, :replica)")
SETTLE = text("SELECT core.settle(:meter, :period, :replica, :used, :back)")

BLOCKS = 100
"""A block is so much of a limit: what may lie idle in each process."""

FLUSH_SECONDS = 1.0
IDLE_SECONDS = 10.0
"""After which what is not used goes back, for others to use."""

ALIVE_SECONDS = 60.0
"""How often a process says that it holds its leases still."""


@dataclass(eq=False, slots=True)
class Allowance:
    """What this process holds of one limit in one period: `available` is not promised to a call
    yet, `used` not written down."""

    tenant_id: UUID
    cap: Cap
    period: datetime
    ends: float
    available: int = 0
    promised: int = 0
    used: int = 0
    touched: float = 0.0
    said: float = 0.0


@dataclass(slots=True)
class Reservation:
    """What is set aside for a call, until it is known what it used."""

    held: list[tuple[Allowance, int]] = field(default_factory=list)

    def settle(self, usage: Usage, money: int) -> None:
        """Charge what was used; the rest is available again."""
        used: dict[Unit, int] = {"requests": 1, "tokens": usage.total_tokens, "money": money}
        for allowance, amount in self.held:
            allowance.promised -= amount
            allowance.used += used[allowance.cap.unit]
            allowance.available += amount - used[allowance.cap.unit]
        self.held.clear()

    def release(self) -> None:
        """Nothing was used, nothing asked."""
        for allowance, amount in self.held:
            allowance.promised -= amount
            allowance.available += amount
        self.held.clear()


CapsOf = Callable[[GatewayCall], Awaitable[Sequence[Cap]]]


class Limiter(Protocol):
    """Sets aside what a call may cost at most."""

    async def reserve(self, call: GatewayCall, tokens: int, money: int) -> Reservation:
        """Raises `TooManyRequests` or `BudgetExhausted`: it would be more than is left."""
        ...


class Leases:
    """A `Limiter` over the database.

    async with Leases(database, caps_of) as limiter: Gateway(..., limiter=limiter)

    Leaving the block gives back what is left. One `Leases` is one replica.
    """

    def __init__(self, database: Database, caps_of: CapsOf) -> None:
        self.replica = uuid4()
        self._database = database
        self._caps_of = caps_of
        self._held: dict[tuple[UUID, str], Allowance] = {}
        self._past: list[Allowance] = []
        self._locks: defaultdict[tuple[UUID, str], asyncio.Lock] = defaultdict(asyncio.Lock)
        self._task: asyncio.Task[None] | None = None

    async def reserve(self, call: GatewayCall, tokens: int, money: int) -> Reservation:
        reservation = Reservation()
        if call.tenant_id is None:
            return reservation  # a program of its own, without an account
        needs: dict[Unit, int] = {"requests": 1, "tokens": tokens, "money": money}
        try:
            for cap in await self._caps_of(call):
                need = needs[cap.unit]
                allowance = await self._allowance(call.tenant_id, cap, need)
                allowance.available -= need
                allowance.promised += need
                reservation.held.append((allowance, need))
        except BaseException:
            reservation.release()
            raise
        return reservation

    async def _allowance(self, tenant_id: UUID, cap: Cap, need: int) -> Allowance:
        """One that has enough for this call."""
        key = tenant_id, cap.meter
        found = self._enough(key, need)
        if found is None:
            async with self._locks[key]:
                found = self._enough(key, need) or await self._lease(tenant_id, cap, need)
        found.touched = time.monotonic()
        return found

    def _enough(self, key: tuple[UUID, str], need: int) -> Allowance | None:
        held = self._held.get(key)
        if held is None:
            return None
        if held.ends <= time.monotonic():
            self._past.append(self._held.pop(key))
            return None
        return held if held.available >= need else None

    async def _lease(self, tenant_id: UUID, cap: Cap, need: int) -> Allowance:
        held = self._held.get((tenant_id, cap.meter))
        missing = need - (held.available if held else 0)
        values = {
            "meter": cap.meter,
            "every": cap.every,
            "most": cap.most,
            "need": missing,
            "block": max(1, cap.most // BLOCKS),
            "replica": self.replica,
        }
        async with self._database.transaction(Scope(tenant_id=tenant_id)) as session:
            row = (await session.execute(LEASE, values)).one()
        if not row.granted:
            raise _refusal(cap, row.charged, row.seconds)
        if held is None or held.period != row.period:
            if held is not None:
                self._past.append(held)
            held = Allowance(tenant_id, cap, row.period, time.monotonic() + row.seconds)
            self._held[tenant_id, cap.meter] = held
        held.available += row.granted
        held.said = time.monotonic()
        return held

    # --- in the background --------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await self.flush(all_back=True)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            try:
                await self.flush()
            except Exception as error:
                log.error("leases could not be settled", error=type(error).__name__)

    async def flush(self, *, all_back: bool = False) -> None:
        """Write down what was used, and give back what lies idle."""
        now = time.monotonic()
        tenants: dict[UUID, list[tuple[Allowance, int, int]]] = defaultdict(list)
        for allowance in [*self._held.values(), *self._past]:
            back = allowance.available if all_back or _is_idle(allowance, now) else 0
            if allowance.used or back or now - allowance.said > ALIVE_SECONDS:
                tenants[allowance.tenant_id].append((allowance, allowance.used, back))
                allowance.used, allowance.said = 0, now
                allowance.available -= back
        for tenant_id, settled in tenants.items():
            await self._settle(tenant_id, settled)
        self._past = [past for past in self._past if past.promised or past.used or past.available]

    async def _settle(self, tenant_id: UUID, settled: list[tuple[Allowance, int, int]]) -> None:
        try:
            async with self._database.transaction(Scope(tenant_id=tenant_id)) as session:
                for allowance, used, back in settled:
                    values = {"meter": allowance.cap.meter, "period": allowance.period}
                    await session.execute(
                        SETTLE, {**values, "replica": self.replica, "used": used, "back": back}
                    )
        except Unavailable:
            for allowance, used, back in settled:  # later
                allowance.used += used
                allowance.available += back


def _is_idle(allowance: Allowance, now: float) -> bool:
    return now >= allowance.ends or now - allowance.touched > IDLE_SECONDS


def _refusal(cap: Cap, charged: int, seconds: float) -> TooManyRequests | BudgetExhausted:
    whose = {"platform": "the platform", "tenant": "this tenant"}.get(
        cap.subject, f"this {cap.subject.partition(':')[0]}"
    )
    if cap.every == "minute":
        return TooManyRequests(
            f"The limit of {whose}, {cap.most:,} {cap.unit} a minute, is reached.",
            retry_after=max(1, round(seconds)),
        )
    return BudgetExhausted(
        f"What this call may cost is more than is left of the budget of {whose}: of "
        f"{_shown(cap, cap.most)} a month {_shown(cap, charged)} are used or set aside.",
        hint="Ask for fewer `max_tokens`, or let an admin of the tenant raise the budget.",
    )


def _shown(cap: Cap, amount: int) -> str:
    if cap.unit == "money":
        return f"{amount / MILLION:,.2f} of the platform's currency"
    return f"{amount:,} {cap.unit}"
