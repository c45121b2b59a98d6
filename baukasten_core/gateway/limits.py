"""Limits on what calls may cost: for a tenant, a project, a key; a minute and a month."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import delete, insert, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from baukasten_core.contracts.gateway import GatewayCall
from baukasten_core.contracts.llm import GenerateRequest
from baukasten_core.errors import NotFound
from baukasten_core.gateway.models import LlmLimit

Unit = Literal["requests", "tokens", "money"]
Every = Literal["minute", "month"]

PLATFORM = "platform"
"""The subject of what the operator allows each tenant."""

TENANT = "tenant"

MESSAGE_TOKENS = 16
"""What a chat template adds to a message, at most."""

IMAGE_TOKENS = 3_000
"""What vendors count for a picture, at most."""

CURRENT = text(
    "SELECT m.meter, m.used + coalesce(sum(l.amount), 0) AS charged FROM core.llm_meters m"
    " LEFT JOIN core.llm_leases l USING (tenant_id, meter, period)"
    " WHERE m.period = date_trunc(substring(m.meter from '[a-z]+$'), now(), 'UTC')"
    " GROUP BY m.meter, m.used"
)
UNSETTLED = text("SELECT * FROM core.admin_unsettled()")
SETTLE = text("SELECT core.admin_settle(:tenant_id, :meter, :period, :replica, :used)")
SETTLE_DEAD = text("SELECT core.settle_dead_leases(make_interval(secs => :seconds))")

OF = text("SELECT * FROM core.llm_limits WHERE subject = ANY(:subjects)")


@dataclass(frozen=True, slots=True)
class Limits:
    """What one subject may use; None limits nothing. Money in millionths of the currency."""

    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    tokens_per_month: int | None = None
    money_per_month: int | None = None


@dataclass(frozen=True, slots=True)
class Cap:
    """One limit of one subject: `most` of a unit in each minute or month (UTC)."""

    subject: str
    unit: Unit
    every: Every
    most: int

    @property
    def meter(self) -> str:
        """The name of what is counted."""
        return f"{self.subject}:{self.unit}:{self.every}"


def caps(limits: Mapping[str, Limits]) -> list[Cap]:
    """The limits of these subjects that are set."""
    return [cap for subject, each in limits.items() for cap in _caps(subject, each)]


def _caps(subject: str, limits: Limits) -> Iterable[Cap]:
    listed: Sequence[tuple[Unit, Every, int | None]] = (
        ("requests", "minute", limits.requests_per_minute),
        ("tokens", "minute", limits.tokens_per_minute),
        ("tokens", "month", limits.tokens_per_month),
        ("money", "month", limits.money_per_month),
    )
    for unit, every, most in listed:
        if most is not None:
            yield Cap(subject, unit, every, most)


def project_subject(project_id: UUID) -> str:
    return f"project:{project_id}"


def key_subject(api_key_id: UUID) -> str:
    return f"key:{api_key_id}"


async def limits_of(session: AsyncSession, call: GatewayCall) -> dict[str, Limits]:
    """Those that a call falls under, by subject; in the transaction's tenant."""
    subjects = [TENANT]
    if call.project_id is not None:
        subjects.append(project_subject(call.project_id))
    if call.api_key_id is not None:
        subjects.append(key_subject(call.api_key_id))
    rows = await session.execute(OF, {"subjects": subjects})
    return {
        row.subject: Limits(
            row.requests_per_minute,
            row.tokens_per_minute,
            row.tokens_per_month,
            row.money_per_month,
        )
        for row in rows
    }


async def all_limits(session: AsyncSession) -> dict[str, Limits]:
    """Every limit of the transaction's tenant, by subject."""
    rows = await session.scalars(select(LlmLimit).order_by(LlmLimit.subject))
    return {
        row.subject: Limits(
            row.requests_per_minute,
            row.tokens_per_minute,
            row.tokens_per_month,
            row.money_per_month,
        )
        for row in rows
    }


async def charged(session: AsyncSession) -> dict[str, int]:
    """What is used or set aside of each meter in this minute and month."""
    return {row.meter: int(row.charged) for row in await session.execute(CURRENT)}


async def set_limits(session: AsyncSession, tenant_id: UUID, subject: str, limits: Limits) -> None:
    """Of one subject; replaces what was set."""
    values = {"tenant_id": tenant_id, "subject": subject, **asdict(limits)}
    await session.execute(delete(LlmLimit).where(LlmLimit.subject == subject))
    await session.execute(insert(LlmLimit).values(**values))


async def remove_limits(session: AsyncSession, subject: str) -> None:
    """Raises `NotFound` where none is set."""
    done = await session.execute(delete(LlmLimit).where(LlmLimit.subject == subject))
    if not done.rowcount:  # type: ignore[attr-defined]
        raise NotFound("It has no limits.")


@dataclass(frozen=True, slots=True)
class Unsettled:
    """What a process that is gone had set aside."""

    tenant_id: UUID
    meter: str
    period: datetime
    replica: UUID
    amount: int
    at: datetime


async def unsettled(session: AsyncSession) -> list[Unsettled]:
    """Of all tenants; nothing for anybody but an admin."""
    return [Unsettled(**row._asdict()) for row in await session.execute(UNSETTLED)]


async def settle(
    session: AsyncSession,
    *,
    tenant_id: UUID,
    meter: str,
    period: datetime,
    replica: UUID,
    used: bool,
) -> None:
    """Count it as used, or as not. Raises `NotFound`: it is settled, or held still."""
    values = {"tenant_id": tenant_id, "meter": meter, "period": period, "replica": replica}
    if not await session.scalar(SETTLE, {**values, "used": used}):
        raise NotFound("Nothing like that is unsettled.")


def most_prompt_tokens(request: GenerateRequest) -> int:
    """What no tokenizer exceeds: a token is a byte at least."""
    found = 0
    for message in request.messages:
        found += len(message.content.encode()) + MESSAGE_TOKENS
        found += IMAGE_TOKENS * len(message.images)
        found += sum(len(call.name) + len(call.arguments.encode()) for call in message.tool_calls)
    for tool in request.tools:
        found += len(f"{tool.name}{tool.description}{tool.parameters}".encode()) + MESSAGE_TOKENS
    if request.response_schema is not None:
        found += len(str(request.response_schema).encode())
    return found
