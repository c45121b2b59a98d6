"""What language models were asked and what it cost, as JSON or for a spreadsheet."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, cast, get_args

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, ConfigDict

from baukasten_core.accounts.admin import require_admin
from baukasten_core.errors import BadRequest
from baukasten_core.gateway.spending import (
    Group,
    Period,
    as_csv,
    spending,
    spending_by_tenant,
)
from baukasten_core.http.dependencies import CurrentKit
from baukasten_core.http.openai_errors import OpenAIRoute, openai_responses

LONGEST = timedelta(days=366)
YEARS = range(2000, 2200)

router = APIRouter(
    prefix="/v1",
    tags=["usage"],
    route_class=OpenAIRoute,
    responses=openai_responses(400, 401, 403, 503),
)


class Sums(BaseModel):
    """Calls, tokens, money, and times in milliseconds (means over answered calls); and what they
    are sums of, by the groups that were asked for."""

    model_config = ConfigDict(extra="allow")

    calls: int
    answered: int
    prompt_tokens: int
    completion_tokens: int
    cost: float


class UsageList(BaseModel):
    """Sums in a period, `since` until before `until`."""

    object: Literal["list"] = "list"
    since: datetime
    until: datetime
    currency: str
    data: list[Sums]


async def get_period(since: datetime | None = None, until: datetime | None = None) -> Period:
    """By default, this month so far. Times without a zone are UTC."""
    now = datetime.now(UTC)
    start = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    found = Period(_utc(since or start), _utc(until or now))
    if found.until <= found.since:
        raise BadRequest("until: is not after `since`.")
    if found.until - found.since > LONGEST:
        raise BadRequest("since: a year is the most at a time.")
    return found


InPeriod = Annotated[Period, Depends(get_period)]
Form = Annotated[Literal["json", "csv"], Query(alias="format")]
By = Annotated[str, Query(description=f"Any of {', '.join(get_args(Group))}, by commas.")]
CSV: dict[int | str, dict[str, Any]] = {200: {"content": {"text/csv": {"schema": {}}}}}


@router.get("/usage", response_model=UsageList, responses=CSV)
async def usage(
    kit: CurrentKit, period: InPeriod, by: By = "day,instance,model", form: Form = "json"
) -> Any:
    """What the tenant used; a member sees their own, a key of a project that project's."""
    who, groups = kit.principal, cast("list[Group]", named_groups(by, get_args(Group)))
    async with kit.transaction() as session:
        rows = await spending(
            session,
            period,
            groups,
            user_id=who.user_id if who.role == "member" else None,
            project_id=who.project_id,
        )
    return usage_answer(rows, period, kit, form)


@router.get("/usage/tenants", response_model=UsageList, responses=CSV)
async def usage_by_tenant(kit: CurrentKit, period: InPeriod, form: Form = "json") -> Any:
    """What every tenant used, for an admin."""
    require_admin(kit.principal)
    async with kit.transaction() as session:
        rows = await spending_by_tenant(session, period)
    return usage_answer(rows, period, kit, form)


def usage_answer(rows: Sequence[dict[str, Any]], period: Period, kit: CurrentKit, form: str) -> Any:
    """Sums as JSON, or as a table for a spreadsheet."""
    if form == "csv":
        return Response(as_csv(rows), media_type="text/csv; charset=utf-8")
    return UsageList(
        since=period.since,
        until=period.until,
        currency=kit.services.settings.llm.currency,
        data=[Sums(**row) for row in rows],
    )


def named_groups(by: str, known: Sequence[str]) -> list[str]:
    """What to add up by, each named once; raises `BadRequest`."""
    names = [name.strip() for name in by.split(",") if name.strip()]
    if not names or len(set(names)) < len(names) or not set(names) <= set(known):
        raise BadRequest(f"by: name each once, of {', '.join(known)}.")
    return names


def _utc(moment: datetime) -> datetime:
    if moment.year not in YEARS:
        raise BadRequest(f"since, until: from {YEARS.start} on, and before {YEARS.stop}.")
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
