"""What a call costs: tokens, time and outcome, never its text."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal
from uuid import UUID

from baukasten_core.contracts.gateway import GatewayCall
from baukasten_core.contracts.llm import Event, Finished, TextDelta, Usage
from baukasten_core.contracts.streams import CHARACTERS_PER_TOKEN, prompt_tokens
from baukasten_core.errors import ProviderTimeout
from baukasten_core.gateway.prices import FREE, Price

Outcome = Literal["answered", "failed", "interrupted", "cancelled", "cached"]


@dataclass(frozen=True, slots=True)
class UsageRecord:
    """One attempt at one instance.

    `failed`: no output came; `interrupted`: it broke off; `cancelled`: the caller left; `cached`:
    nobody was asked, so nothing was used. `error` is the problem type. Times in milliseconds;
    `first_ms` until the first output. `cost` in millionths of the platform's currency.
    """

    instance: str
    provider: str
    model: str
    region: str
    outcome: Outcome
    usage: Usage
    total_ms: float
    first_ms: float | None
    at: datetime
    error: str | None = None
    tenant_id: UUID | None = None
    user_id: UUID | None = None
    project_id: UUID | None = None
    api_key_id: UUID | None = None
    route: str = ""
    cost: int = 0


OnUsage = Callable[[UsageRecord], Awaitable[None]]
"""Keeps a record. It is awaited after the answer's last event."""


class Meter:
    """Watches one attempt."""

    def __init__(self) -> None:
        self._start = time.perf_counter()
        self._at = datetime.now(UTC)
        self._first: float | None = None
        self._characters = 0
        self.finished: Finished | None = None
        self._error: str | None = None
        self._outcome: Outcome = "cancelled"

    @property
    def started(self) -> bool:
        """Whether output has come."""
        return self._first is not None

    def event(self, event: Event) -> None:
        if self._first is None:
            self._first = self._elapsed()
        if isinstance(event, TextDelta):
            self._characters += len(event.text)
        elif isinstance(event, Finished):
            self.finished, self._outcome = event, "answered"

    def error(self, kind: str) -> None:
        self._error = kind
        self._outcome = "failed" if self._first is None else "interrupted"

    def record(
        self,
        call: GatewayCall,
        instance: str,
        provider: str,
        model: str,
        region: str,
        price: Price = FREE,
    ) -> UsageRecord:
        usage = self.finished.usage if self.finished else self._estimate(call)
        return UsageRecord(
            instance=instance,
            provider=provider,
            model=model,
            region=region,
            outcome=self._outcome,
            usage=usage,
            total_ms=self._elapsed(),
            first_ms=self._first,
            at=self._at,
            error=self._error,
            tenant_id=call.tenant_id,
            user_id=call.user_id,
            project_id=call.project_id,
            api_key_id=call.api_key_id,
            route=call.route,
            cost=price.of(usage),
        )

    def _estimate(self, call: GatewayCall) -> Usage:
        """A vendor counts what it read and produced before it broke off, so we do, too; from who
        did not answer, or refused, there is nothing to count."""
        if self._outcome == "failed" and self._error != ProviderTimeout.type:
            return Usage(estimated=True)
        said = round(self._characters / CHARACTERS_PER_TOKEN)
        return Usage(prompt_tokens(call.request), said, estimated=True)

    def _elapsed(self) -> float:
        return (time.perf_counter() - self._start) * 1000
