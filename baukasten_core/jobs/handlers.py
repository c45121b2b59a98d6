"""What runs when a job's turn comes, and when it is tried again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from baukasten_core.contracts.auth import Scope
from baukasten_core.errors import BaukastenError, ProviderError

PATIENCE = 200
"""How often a job is tried while something it needs is down: hours, at a minute a time."""

LONGEST_WAIT = 60.0


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

    def wait(self, error: Exception, attempts: int) -> float | None:
        """Seconds until the next try after `attempts` earlier ones; None: give up."""
        status = error.status if isinstance(error, BaukastenError) else 500
        if status == 503:
            limit = PATIENCE
        elif status < 500 and not isinstance(error, ProviderError):
            limit = 0
        else:
            limit = self.retries
        return min(2.0**attempts, LONGEST_WAIT) if attempts < limit else None


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
    """The way back of `encode`."""
    scope = Scope(_uuid(arguments["user_id"]), _uuid(arguments["tenant_id"]))
    values = {n: UUID(v) if isinstance(v, str) else v for n, v in arguments["ids"].items()}
    return scope, values


def _text(value: UUID | None) -> str | None:
    return str(value) if value else None


def _uuid(value: str | None) -> UUID | None:
    return UUID(value) if value else None
