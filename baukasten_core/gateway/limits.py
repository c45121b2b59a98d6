"""Limits on what calls may cost: for a tenant, a project, a key; a minute and a month."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from baukasten_core.contracts.gateway import GatewayCall
from baukasten_core.contracts.llm import GenerateRequest

Unit = Literal["requests", "tokens", "money"]
Every = Literal["minute", "month"]

PLATFORM = "platform"
"""The subject of what the operator allows each tenant."""

TENANT = "tenant"

MESSAGE_TOKENS = 16
"""What a chat template adds to a message, at most."""

IMAGE_TOKENS = 3_000
"""What vendors count for a picture, at most."""

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
