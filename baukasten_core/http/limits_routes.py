"""What calls to language models may cost: a tenant's own limits, and what dead processes held."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from baukasten_core.contracts.auth import Principal
from baukasten_core.errors import Forbidden
from baukasten_core.gateway import limits
from baukasten_core.gateway.limits import Limits, Unsettled
from baukasten_core.gateway.prices import MILLION
from baukasten_core.http.dependencies import Admin, Session
from baukasten_core.http.errors import problem_responses
from baukasten_core.http.tenants_routes import Here
from baukasten_core.privacy import audit

router = APIRouter(tags=["limits"])

MOST = 10**15
UUID4 = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
Subject = Annotated[
    str,
    Path(
        pattern=f"^(tenant|(project|key):{UUID4})$",
        description="`tenant`, `project:ID` or `key:ID` (of an API key).",
    ),
]
Number = Annotated[int | None, Field(ge=0, le=MOST)]


class LimitsIn(BaseModel):
    """What may be used; what is left out has no limit. Money in the platform's currency."""

    model_config = ConfigDict(extra="forbid")

    requests_per_minute: Number = None
    tokens_per_minute: Number = None
    tokens_per_month: Number = None
    money_per_month: Annotated[float | None, Field(ge=0, le=MOST / MILLION)] = None


class Charged(BaseModel):
    """What is used or set aside in this minute and this month (UTC)."""

    requests_per_minute: int = 0
    tokens_per_minute: int = 0
    tokens_per_month: int = 0
    money_per_month: float = 0


class LimitsOut(LimitsIn):
    """The limits of one subject."""

    subject: str
    charged: Charged


class UnsettledOut(BaseModel):
    """What a process that is gone had set aside of a limit; money in millionths."""

    model_config = ConfigDict(from_attributes=True)

    tenant_id: UUID
    meter: str
    period: datetime
    replica: UUID
    amount: int
    at: datetime


class Settlement(BaseModel):
    """How it is settled: as used, or as not."""

    tenant_id: UUID
    meter: Annotated[str, Field(max_length=200)]
    period: AwareDatetime
    replica: UUID
    used: bool


@router.get("/tenants/{tenant_id:uuid}/limits", responses=problem_responses(404))
async def list_limits(tenant_id: UUID, here: Here, session: Session) -> list[LimitsOut]:
    """Of the tenant, its projects and keys. The operator's own limits come on top."""
    charged = await limits.charged(session)
    found = await limits.all_limits(session)
    return [_shown(subject, each, charged) for subject, each in found.items()]


@router.put(
    "/tenants/{tenant_id:uuid}/limits/{subject}",
    status_code=204,
    responses=problem_responses(403, 404),
)
async def set_limits(
    tenant_id: UUID, subject: Subject, body: LimitsIn, here: Here, session: Session
) -> None:
    """Set by an owner or admin of the tenant; counts from the next call on."""
    _require_manager(here)
    money = body.money_per_month
    await limits.set_limits(
        session,
        here.tenant_id,
        subject,
        Limits(
            body.requests_per_minute,
            body.tokens_per_minute,
            body.tokens_per_month,
            None if money is None else round(money * MILLION),
        ),
    )
    details = {"subject": subject, **body.model_dump(exclude_none=True)}
    await audit.record(session, here, "limits.changed", details=details)


@router.delete(
    "/tenants/{tenant_id:uuid}/limits/{subject}",
    status_code=204,
    responses=problem_responses(403, 404),
)
async def remove_limits(tenant_id: UUID, subject: Subject, here: Here, session: Session) -> None:
    _require_manager(here)
    await limits.remove_limits(session, subject)
    await audit.record(session, here, "limits.changed", details={"subject": subject})


@router.get("/admin/unsettled", response_model=list[UnsettledOut])
async def list_unsettled(caller: Admin, session: Session) -> Sequence[Unsettled]:
    return await limits.unsettled(session)


@router.post("/admin/unsettled", status_code=204, responses=problem_responses(404))
async def settle(body: Settlement, caller: Admin, session: Session) -> None:
    """Count what a dead process held as used, or as not."""
    await limits.settle(session, **body.model_dump())
    details = body.model_dump(mode="json")
    await audit.record(session, caller, "limits.settled", details=details)


def _require_manager(principal: Principal) -> None:
    if principal.role == "member":
        raise Forbidden("Owners and admins of the tenant set its limits.")


def _shown(subject: str, each: Limits, charged: dict[str, int]) -> LimitsOut:
    used = {
        f"{unit}_per_{every}": charged.get(f"{subject}:{unit}:{every}", 0)
        for unit, every in (("requests", "minute"), ("tokens", "minute"), ("tokens", "month"))
    }
    money = each.money_per_month
    return LimitsOut(
        subject=subject,
        requests_per_minute=each.requests_per_minute,
        tokens_per_minute=each.tokens_per_minute,
        tokens_per_month=each.tokens_per_month,
        money_per_month=None if money is None else money / MILLION,
        charged=Charged(**used, money_per_month=charged.get(f"{subject}:money:month", 0) / MILLION),
    )
