"""`/admin`: the platform's accounts and figures, for admins."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict

from baukasten_core.accounts import admin, users
from baukasten_core.accounts.mails import queue_link
from baukasten_core.accounts.models import User
from baukasten_core.accounts.passwords import hash_password
from baukasten_core.gateway.usage import usage_by_provider
from baukasten_core.health import check_health
from baukasten_core.http import users_routes
from baukasten_core.http.account_models import NewUserIn, UserChange, UserOut
from baukasten_core.http.dependencies import (
    Admin,
    CurrentKit,
    PageCursor,
    PageLimit,
    Session,
)
from baukasten_core.http.errors import problem_responses
from baukasten_core.http.paging import paged
from baukasten_core.http.privacy_routes import ERASED
from baukasten_core.privacy import audit

router = APIRouter(prefix="/admin", tags=["admin"])

USAGE_PERIOD = timedelta(days=30)

Search = Annotated[
    str | None, Query(max_length=254, pattern=r"^[^\x00]*$", description="Part of an address.")
]


class UsageOut(BaseModel):
    """What one configured LLM instance did in the last 30 days; means in milliseconds."""

    model_config = ConfigDict(from_attributes=True)

    instance: str
    provider: str
    calls: int
    answered: int
    prompt_tokens: int
    completion_tokens: int
    mean_ms: float | None
    mean_first_ms: float | None


class StatsOut(BaseModel):
    """Figures of the whole platform."""

    total_users: int
    admin_users: int
    regular_users: int
    total_projects: int
    total_documents: int
    total_chats: int
    system_health: str
    usage: list[UsageOut]


@router.get("/stats", response_model=StatsOut)
async def get_stats(kit: CurrentKit) -> StatsOut:
    admin.require_admin(kit.principal)
    async with kit.transaction() as session:
        stats = await admin.stats(session)
        usage = await usage_by_provider(session, datetime.now(UTC) - USAGE_PERIOD)
    health = await check_health(kit.services)
    return StatsOut(
        total_users=stats.total_users,
        admin_users=stats.admin_users,
        regular_users=stats.total_users - stats.admin_users,
        total_projects=stats.total_projects,
        total_documents=stats.total_documents,
        total_chats=stats.total_chats,
        system_health=health.status,
        usage=[UsageOut.model_validate(row) for row in usage],
    )


@router.get("/users", response_model=list[UserOut], responses=problem_responses(400))
async def list_users(
    request: Request,
    response: Response,
    caller: Admin,
    session: Session,
    search: Search = None,
    limit: PageLimit = 50,
    after: PageCursor = None,
) -> Sequence[User]:
    before = (after.time, after.id) if after else None
    rows = await admin.list_users(session, search=search, before=before, limit=limit + 1)
    return paged(request, response, rows, limit)


@router.post("/users", status_code=201, response_model=UserOut, responses=problem_responses(400))
async def create_user(body: NewUserIn, kit: CurrentKit) -> User:
    """Make an account for somebody, also where registration is closed."""
    admin.require_admin(kit.principal)
    stored = await hash_password(body.password) if body.password is not None else None
    async with kit.transaction() as session:
        made = await users.create_user(
            session,
            body.email,
            stored,
            residency=kit.services.settings.privacy.residency,
            language=body.language,
        )
        if body.is_admin:
            await admin.update_user(session, made.user_id, is_admin=True)
        if stored is None:
            await queue_link(session, kit.services.jobs, body.email, "welcome")
        await audit.record(
            session,
            kit.principal,
            "user.created",
            object_type="user",
            object_id=made.user_id,
            details={"is_admin": body.is_admin, "invited": stored is None},
        )
        return await admin.get_user(session, made.user_id)


@router.get("/users/{user_id}", response_model=UserOut, responses=problem_responses(404))
async def get_user(user_id: UUID, caller: Admin, session: Session) -> User:
    return await admin.get_user(session, user_id)


@router.patch("/users/{user_id}", response_model=UserOut, responses=problem_responses(400, 404))
async def change_user(user_id: UUID, body: UserChange, kit: CurrentKit) -> User:
    """Promote, demote, deactivate; the last admin stays one."""
    return await users_routes.update_user(kit, user_id, body)


@router.delete(
    "/users/{user_id}", status_code=204, responses={**ERASED, **problem_responses(400, 404)}
)
async def delete_user(user_id: UUID, kit: CurrentKit, response: Response) -> None:
    """Erase an account and everything held about its user, with a receipt."""
    await users_routes.delete_user(user_id, kit, response)
