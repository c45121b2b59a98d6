"""`/admin`: how the platform is used, day by day, and what its language models are."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, cast, get_args

from fastapi import APIRouter, Query
from pydantic import BaseModel

from baukasten_core.accounts import admin
from baukasten_core.gateway.prices import MILLION
from baukasten_core.gateway.spending import AdminGroup, spending_everywhere
from baukasten_core.http.dependencies import Admin, CurrentKit, ServicesDep, Session
from baukasten_core.http.errors import problem_responses
from baukasten_core.http.usage_routes import (
    CSV,
    Form,
    InPeriod,
    UsageList,
    named_groups,
    usage_answer,
)
from baukasten_core.jobs.queue import FailedJob, counts_by_status, latest_failures
from baukasten_core.settings import LLMSettings

router = APIRouter(prefix="/admin", tags=["admin"])

By = Annotated[str, Query(description=f"Any of {', '.join(get_args(AdminGroup))}, by commas.")]
SHOWN_FAILURES = 50


class DayOut(BaseModel):
    """What came on one day (UTC)."""

    day: date
    users: int
    projects: int
    documents: int
    calls: int
    prompt_tokens: int
    completion_tokens: int
    cost: float


class TimelineOut(BaseModel):
    """Every day of a period, also those on which nothing came; the last is today."""

    days: list[DayOut]


class JobsOut(BaseModel):
    """Background work by state, and what failed last. Work that is done is forgotten after a
    while."""

    counts: dict[str, int]
    failed: list[FailedJob]


class InstanceOut(BaseModel):
    """A configured server or account of language models."""

    name: str
    provider: str
    region: str | None
    model: str | None


class TargetOut(BaseModel):
    """To whom a route offers a call, and when."""

    to: str
    weight: float | None
    when: dict[str, Any]


class LLMOut(BaseModel):
    """How calls to language models find their way."""

    chain: list[str]
    instances: list[InstanceOut]
    routes: Mapping[str, list[TargetOut]]


@router.get("/timeline", response_model=TimelineOut)
async def get_timeline(
    caller: Admin, session: Session, days: Annotated[int, Query(ge=1, le=366)] = 30
) -> TimelineOut:
    since = datetime.now(UTC).date() - timedelta(days=days - 1)
    rows = await admin.timeline(session, since)
    return TimelineOut(days=[DayOut(**{**row, "cost": int(row["cost"]) / MILLION}) for row in rows])


@router.get("/jobs", response_model=JobsOut)
async def get_jobs(caller: Admin, session: Session) -> JobsOut:
    return JobsOut(
        counts=await counts_by_status(session),
        failed=list(await latest_failures(session, SHOWN_FAILURES)),
    )


@router.get("/usage", response_model=UsageList, responses={**CSV, **problem_responses(400)})
async def get_usage(
    kit: CurrentKit, period: InPeriod, by: By = "day,user,instance,model", form: Form = "json"
) -> Any:
    """What all tenants used. Projects are ids: their names are their tenants' own."""
    admin.require_admin(kit.principal)
    groups = cast("list[AdminGroup]", named_groups(by, get_args(AdminGroup)))
    async with kit.transaction() as session:
        rows = await spending_everywhere(session, period, groups)
    return usage_answer(rows, period, kit, form)


@router.get("/llm", response_model=LLMOut)
async def get_llm(caller: Admin, services: ServicesDep) -> LLMOut:
    """The chain, the instances and the routes, as they are configured; no address, no key."""
    return _configured(services.settings.llm)


def _configured(llm: LLMSettings) -> LLMOut:
    return LLMOut(
        chain=list(llm.chain),
        instances=[
            InstanceOut(
                name=name,
                provider=str(config.get("provider", "")),
                region=config.get("region"),
                model=config.get("model"),
            )
            for name, config in llm.instances.items()
        ],
        routes={
            name: [
                TargetOut(
                    to=target.to,
                    weight=target.weight,
                    when=target.when.model_dump(exclude_none=True),
                )
                for target in targets
            ]
            for name, targets in llm.routes.items()
        },
    )
