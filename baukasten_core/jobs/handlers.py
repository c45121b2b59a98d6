"""What runs when a job's turn comes, and how often it is tried again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from baukasten_core.contracts.auth import Scope
from baukasten_core.errors import BaukastenError, ProviderError


class WorkerDied(Exception):
    """The worker that ran a job died with it."""


class HandlerMissing(Exception):
    """No worker knows this kind of job: its plugin is quarantined, or gone."""


@dataclass(frozen=True, slots=True)
class Budget:
    """How often a job is tried again after one kind of trouble. Each kind is counted apart, or
    an outage that was waited out would leave nothing for the next killed worker."""

    kind: str
    tries: int
    longest_wait: float = 60.0

    def wait(self, counts: Mapping[str, int]) -> float | None:
        """Seconds until the next try, after so many of each kind; None: give up."""
        past = counts.get(self.kind, 0)
        return min(2.0**past, self.longest_wait) if past < self.tries else None


DEATHS = Budget("deaths", 5)
"""More workers than chance kills: whoever runs this job dies of it."""

OUTAGES = Budget("outages", 200)
"""Hours, at a minute a time."""

MISSING = Budget("missing", 350, longest_wait=3600.0)
"""Two weeks, at an hour a time, in which somebody may mend the plugin."""

UNTOLD = Budget("untold", 100)
"""`on_failure` itself failed: somebody would wait for ever for a job that is no more."""


@dataclass(frozen=True, slots=True)
class Handler:
    """What a kind of job does.

    `run(scope, **ids)` must be idempotent: after a crash it runs again, even when it had
    finished. An error is retried `retries` times with growing waits; something that is down
    (503) for hours; a mistake that trying again can't mend (4xx) not at all. In the end
    `on_failure(scope, error, **ids)` is called once, so that somebody can be told.
    """

    run: Callable[..., Awaitable[None]]
    on_failure: Callable[..., Awaitable[None]] | None = None
    retries: int = 3

    def budget(self, error: Exception) -> Budget:
        """What an error counts as."""
        if isinstance(error, WorkerDied):
            return DEATHS
        if isinstance(error, HandlerMissing):
            return MISSING
        status = error.status if isinstance(error, BaukastenError) else 500
        if status == 503:
            return OUTAGES
        final = status < 500 and not isinstance(error, ProviderError)
        return Budget("errors", 0 if final else self.retries)


@dataclass(frozen=True, slots=True)
class Periodic:
    """Work that comes round: `cron` as in crontab, in UTC. One worker of all runs each turn."""

    name: str
    cron: str
    run: Callable[[], Awaitable[None]]


Id = UUID | int
"""What a job may carry: never text."""


def encode(scope: Scope, ids: Mapping[str, Id]) -> dict[str, Any]:
    """A job's arguments as stored. Raises `TypeError` for anything that is not an id."""
    for name, value in ids.items():
        if not isinstance(value, UUID | int):
            raise TypeError(f"jobs carry ids only; `{name}` is {type(value).__name__}")
    values = {name: str(v) if isinstance(v, UUID) else v for name, v in ids.items()}
    return {"tenant_id": _text(scope.tenant_id), "user_id": _text(scope.user_id), "ids": values}


def decode(arguments: Mapping[str, Any]) -> tuple[Scope, dict[str, Id]]:
    """The way back of `encode`; periodic work has neither owner nor ids."""
    scope = Scope(_uuid(arguments.get("user_id")), _uuid(arguments.get("tenant_id")))
    ids = arguments.get("ids", {})
    return scope, {n: UUID(v) if isinstance(v, str) else v for n, v in ids.items()}


def counts_of(arguments: Mapping[str, Any]) -> Mapping[str, int]:
    """What befell a job so far: how often, by kind."""
    counts: Mapping[str, int] = arguments.get("counts", {})
    return counts


def _text(value: UUID | None) -> str | None:
    return str(value) if value else None


def _uuid(value: str | None) -> UUID | None:
    return UUID(value) if value else None
