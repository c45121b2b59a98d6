"""`/tenants`: mine, their members, and invitations."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict
from sqlalchemy.ext.asyncio import AsyncSession

from baukasten_core.accounts import invitations, tenants
from baukasten_core.accounts.authenticate import open_user
from baukasten_core.accounts.mails import queue_invitation
from baukasten_core.accounts.models import Invitation
from baukasten_core.contracts.auth import Principal, Role
from baukasten_core.errors import Forbidden, NotFound
from baukasten_core.http.account_models import Email, Name, Regions, TokenIn
from baukasten_core.http.dependencies import Caller, ServicesDep, Session
from baukasten_core.http.errors import problem_responses
from baukasten_core.privacy import audit

router = APIRouter(prefix="/tenants", tags=["tenants"])

ONE = "/{tenant_id:uuid}"
MEMBER = ONE + "/members/{user_id:uuid}"


class TenantOut(BaseModel):
    """A tenant, with my role in it. `residency`: where its data may be processed."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    name: str
    role: Role
    personal: bool
    residency: list[str]
    created_at: datetime


class TenantIn(BaseModel):
    """A new tenant; `residency` is the platform's default unless given."""

    name: Name
    residency: Regions | None = None


class TenantChange(BaseModel):
    """What owners change."""

    name: Name | None = None
    residency: Regions | None = None


class MemberOut(BaseModel):
    """Somebody in a tenant."""

    model_config = ConfigDict(from_attributes=True)

    user_id: UUID
    email: str
    role: Role
    created_at: datetime


class RoleIn(BaseModel):
    """A member's new role."""

    role: Role


class InvitationIn(BaseModel):
    """Whom to invite."""

    email: Email
    role: Role = "member"


class InvitationOut(BaseModel):
    """An open invitation."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    email: str
    role: Role
    created_at: datetime
    expires_at: datetime


async def in_tenant(tenant_id: UUID, caller: Caller, session: Session) -> Principal:
    """The caller in the tenant that the path names; binds the request's transaction to it."""
    if tenant_id == caller.tenant_id:
        return caller
    if caller.session_id is None:
        raise NotFound("Tenant not found", hint="An API key belongs to one tenant.")
    try:
        return await open_user(session, caller.user_id, tenant_id)
    except Forbidden:
        raise NotFound("Tenant not found", hint="GET /tenants lists yours.") from None


Here = Annotated[Principal, Depends(in_tenant, scope="function")]


@router.get("", response_model=list[TenantOut])
async def list_tenants(caller: Caller, session: Session) -> Sequence[tenants.TenantView]:
    """Mine, the personal one first."""
    return await tenants.list_tenants(session, caller.user_id)


@router.post("", status_code=201, response_model=TenantOut)
async def create_tenant(
    body: TenantIn, caller: Caller, session: Session, services: ServicesDep
) -> tenants.TenantView:
    residency = body.residency or services.settings.privacy.residency
    tenant_id = await tenants.create_tenant(session, body.name, residency=residency)
    return await tenants.get_tenant(session, caller.user_id, tenant_id)


@router.get(ONE, response_model=TenantOut, responses=problem_responses(404))
async def get_tenant(tenant_id: UUID, here: Here, session: Session) -> tenants.TenantView:
    return await tenants.get_tenant(session, here.user_id, tenant_id)


@router.patch(ONE, response_model=TenantOut, responses=problem_responses(404))
async def change_tenant(
    tenant_id: UUID, body: TenantChange, here: Here, session: Session
) -> tenants.TenantView:
    await tenants.update_tenant(session, tenant_id, name=body.name, residency=body.residency)
    if body.residency is not None:
        regions = {"residency": body.residency}
        await audit.record(session, here, "tenant.residency_changed", details=regions)
    return await tenants.get_tenant(session, here.user_id, tenant_id)


@router.get(ONE + "/members", response_model=list[MemberOut], responses=problem_responses(404))
async def list_members(tenant_id: UUID, here: Here, session: Session) -> Sequence[tenants.Member]:
    return await tenants.list_members(session, tenant_id)


@router.patch(MEMBER, status_code=204, responses=problem_responses(404, 409))
async def change_role(
    tenant_id: UUID, user_id: UUID, body: RoleIn, here: Here, session: Session
) -> None:
    await tenants.set_role(session, tenant_id, user_id, body.role)
    await _record_member(session, here, "member.role_changed", user_id, role=body.role)


@router.delete(ONE + "/members/me", status_code=204, responses=problem_responses(404, 409))
async def leave(tenant_id: UUID, here: Here, session: Session) -> None:
    """Leave a tenant; one owner always stays."""
    await _record_member(session, here, "member.left", here.user_id)
    await tenants.remove_member(session, tenant_id, here.user_id)


@router.delete(MEMBER, status_code=204, responses=problem_responses(404, 409))
async def remove_member(tenant_id: UUID, user_id: UUID, here: Here, session: Session) -> None:
    await _record_member(session, here, "member.removed", user_id)
    await tenants.remove_member(session, tenant_id, user_id)


@router.get(
    ONE + "/invitations", response_model=list[InvitationOut], responses=problem_responses(404)
)
async def list_invitations(here: Here, session: Session) -> Sequence[Invitation]:
    return await invitations.list_invitations(session, here)


@router.post(
    ONE + "/invitations",
    status_code=201,
    response_model=InvitationOut,
    responses=problem_responses(404, 409, 429),
)
async def invite(
    tenant_id: UUID,
    body: InvitationIn,
    here: Here,
    session: Session,
    services: ServicesDep,
) -> Invitation:
    """Invite somebody by mail; they accept with the link in it."""
    made = await invitations.create_invitation(session, here, body.email, body.role)
    await queue_invitation(session, services.jobs, here, made.id)
    await audit.record(
        session,
        here,
        "member.invited",
        object_type="invitation",
        object_id=made.id,
        details={"role": body.role},
    )
    return made


@router.delete(
    ONE + "/invitations/{invitation_id}", status_code=204, responses=problem_responses(404)
)
async def take_back(invitation_id: UUID, here: Here, session: Session) -> None:
    await invitations.delete_invitation(session, here, invitation_id)


@router.post("/invitations/accept", response_model=TenantOut, responses=problem_responses(400))
async def accept(body: TokenIn, caller: Caller, session: Session) -> tenants.TenantView:
    """Join the tenant that a mailed invitation names."""
    tenant_id = await invitations.accept_invitation(session, body.token)
    here = await open_user(session, caller.user_id, tenant_id)
    await _record_member(session, here, "member.joined", caller.user_id, role=here.role)
    return await tenants.get_tenant(session, caller.user_id, tenant_id)


async def _record_member(
    session: AsyncSession, actor: Principal, action: str, user_id: UUID, **details: str
) -> None:
    await audit.record(
        session, actor, action, object_type="user", object_id=user_id, details=details
    )
