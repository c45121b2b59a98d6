"""Usage added up: for a tenant's people, and for an admin over all tenants."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import ColumnElement, Date, cast, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from baukasten_core.gateway.models import LlmUsage
from baukasten_core.gateway.prices import MILLION

Group = Literal["day", "month", "instance", "model", "route", "project_id", "api_key_id", "user_id"]

AdminGroup = Literal["day", "user", "project", "tenant", "instance", "model"]
ADMIN_COLUMNS: Mapping[AdminGroup, tuple[str, ...]] = {
    "day": ("day",),
    "user": ("user_id", "user_email"),
    "project": ("project_id",),
    "tenant": ("tenant_id", "tenant"),
    "instance": ("instance",),
    "model": ("instance", "model"),
}

BY_TENANT = text("SELECT * FROM core.admin_spending(:since, :until)")

SUMS = ("calls", "answered", "prompt_tokens", "completion_tokens", "cost")

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet would compute instead of showing it."""


@dataclass(frozen=True, slots=True)
class Period:
    """From `since` until before `until`."""

    since: datetime
    until: datetime


async def spending(
    session: AsyncSession,
    period: Period,
    groups: Sequence[Group],
    *,
    user_id: UUID | None = None,
    project_id: UUID | None = None,
) -> list[dict[str, Any]]:
    """Sums of the transaction's tenant, a row for each value of `groups`, in their order.

    Args:
        user_id, project_id: theirs alone.
    """
    columns = [_column(group).label(group) for group in groups]
    usage = LlmUsage
    answered = func.count().filter(usage.outcome == "answered")
    statement = (
        select(
            *columns,
            func.count().label("calls"),
            answered.label("answered"),
            func.coalesce(func.sum(usage.prompt_tokens), 0).label("prompt_tokens"),
            func.coalesce(func.sum(usage.completion_tokens), 0).label("completion_tokens"),
            func.coalesce(func.sum(usage.cost), 0).label("cost"),
            func.avg(usage.total_ms).filter(usage.outcome == "answered").label("mean_ms"),
            func.avg(usage.first_ms).filter(usage.outcome == "answered").label("mean_first_ms"),
        )
        .where(usage.created_at >= period.since, usage.created_at < period.until)
        .group_by(*columns)
        .order_by(*columns)
    )
    if user_id is not None:
        statement = statement.where(usage.user_id == user_id)
    if project_id is not None:
        statement = statement.where(usage.project_id == project_id)
    return [_in_money(row._asdict()) for row in await session.execute(statement)]


async def spending_by_tenant(session: AsyncSession, period: Period) -> list[dict[str, Any]]:
    """Sums by tenant, instance and model; nothing for anybody but an admin."""
    values = {"since": period.since, "until": period.until}
    return [_in_money(row._asdict()) for row in await session.execute(BY_TENANT, values)]


async def spending_everywhere(
    session: AsyncSession, period: Period, groups: Sequence[AdminGroup]
) -> list[dict[str, Any]]:
    """Sums over all tenants, a row for each value of `groups`; nothing for anybody but an admin."""
    names = list(dict.fromkeys(name for group in groups for name in ADMIN_COLUMNS[group]))
    found = func.core.admin_usage(period.since, period.until).table_valued(
        *dict.fromkeys(name for columns in ADMIN_COLUMNS.values() for name in columns), *SUMS
    )
    columns = [found.c[name] for name in names]
    sums = [func.coalesce(func.sum(found.c[name]), 0).label(name) for name in SUMS]
    statement = select(*columns, *sums).group_by(*columns).order_by(*columns)
    return [_in_money(row._asdict()) for row in await session.execute(statement)]


def as_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """A table with a header, as spreadsheets read it; empty without rows."""
    if not rows:
        return ""
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(rows[0])
    writer.writerows([_cell(value) for value in row.values()] for row in rows)
    return file.getvalue()


def _cell(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def _column(group: Group) -> ColumnElement[Any]:
    if group in ("day", "month"):
        return cast(func.date_trunc(group, LlmUsage.created_at, "UTC"), Date)
    column: ColumnElement[Any] = getattr(LlmUsage, group)
    return column


def _in_money(row: Mapping[str, Any]) -> dict[str, Any]:
    """Numbers of PostgreSQL's as JSON's, and millionths as money."""
    sums = {name: int(row[name]) for name in SUMS}
    return {**row, **sums, "cost": sums["cost"] / MILLION}
