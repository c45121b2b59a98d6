"""Tenants and their members. Every change is made by a function in `system.sql` that checks who
asks; what it answers is turned into an error here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast
from uuid import UUID, uuid4

from sqlalchemy import TextClause, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from baukasten_core.accounts.models import Membership, Tenant
from baukasten_core.contracts.auth import Role
from baukasten_core.errors import BaukastenError, Conflict, Forbidden, NotFound

CREATE = text("SELECT core.create_tenant(:id, :name, :residency)")
UPDATE = text("SELECT core.update_tenant(:id, :name, :residency)")
MEMBERS = text("SELECT * FROM core.members_of(:id)")
SET_ROLE = text("SELECT core.set_member_role(:id, :user, :role)")
REMOVE = text("SELECT core.remove_member(:id, :user)")


@dataclass(frozen=True, slots=True)
class TenantView:
    """A tenant as one of its members sees it."""

    id: UUID
    name: str
    role: Role
    personal: bool
    residency: tuple[str, ...]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody in a tenant."""

    user_id: UUID
    email: str
    role: Role
    created_at: datetime


async def list_tenants(session: AsyncSession, user_id: UUID) -> Sequence[TenantView]:
    """The tenants of the transaction's user, the personal one first."""
    query = (
        select(Tenant, Membership.role)
        .join(Membership, Membership.tenant_id == Tenant.id)
        .where(Membership.user_id == user_id)
        .order_by(Tenant.personal_of.is_(None), Tenant.created_at, Tenant.id)
    )
    return [_view(tenant, role) for tenant, role in (await session.execute(query)).all()]


async def get_tenant(session: AsyncSession, user_id: UUID, tenant_id: UUID) -> TenantView:
    """One tenant of the transaction's user. Raises `NotFound`."""
    query = (
        select(Tenant, Membership.role)
        .join(Membership, Membership.tenant_id == Tenant.id)
        .where(Tenant.id == tenant_id, Membership.user_id == user_id)
        .execution_options(populate_existing=True)
    )
    row = (await session.execute(query)).one_or_none()
    if row is None:
        raise _error("not_found")
    return _view(*row)


async def create_tenant(session: AsyncSession, name: str, *, residency: Sequence[str]) -> UUID:
    """A new tenant, owned by the transaction's user."""
    tenant_id = uuid4()
    values = {"id": tenant_id, "name": name, "residency": list(residency)}
    await session.execute(CREATE, values)
    return tenant_id


async def update_tenant(
    session: AsyncSession,
    tenant_id: UUID,
    *,
    name: str | None = None,
    residency: Sequence[str] | None = None,
) -> None:
    """Change a tenant; None leaves as it is. Its owners may."""
    regions = None if residency is None else list(residency)
    await _do(session, UPDATE, id=tenant_id, name=name, residency=regions)


async def list_members(session: AsyncSession, tenant_id: UUID) -> Sequence[Member]:
    """The members of a tenant of the transaction's user. Raises `NotFound`."""
    rows = (await session.execute(MEMBERS, {"id": tenant_id})).all()
    if not rows:
        raise _error("not_found")
    return [Member(row.user_id, row.email, cast(Role, row.role), row.created_at) for row in rows]


async def set_role(session: AsyncSession, tenant_id: UUID, user_id: UUID, role: Role) -> None:
    """Change a member's role.

    Raises:
        NotFound: no such tenant of the transaction's user, or no such member.
        Forbidden: members change nobody's role, admins don't make or unmake owners.
        Conflict: one owner must stay.
    """
    await _do(session, SET_ROLE, id=tenant_id, user=user_id, role=role)


async def remove_member(session: AsyncSession, tenant_id: UUID, user_id: UUID) -> None:
    """Take a member out of a tenant, or leave it. Raises as `set_role` does."""
    await _do(session, REMOVE, id=tenant_id, user=user_id)


async def _do(session: AsyncSession, statement: TextClause, **values: Any) -> None:
    outcome = await session.scalar(statement, values)
    if outcome != "ok":
        raise _error(str(outcome))


def _error(outcome: str) -> BaukastenError:
    if outcome == "not_found":
        return NotFound("Tenant not found", hint="GET /tenants lists yours.")
    if outcome == "no_member":
        return NotFound("This tenant has no such member.")
    if outcome == "last_owner":
        return Conflict(
            "A tenant keeps at least one owner.", hint="Make somebody else an owner first."
        )
    return Forbidden("Your role in this tenant does not allow this.")


def _view(tenant: Tenant, role: str) -> TenantView:
    return TenantView(
        id=tenant.id,
        name=tenant.name,
        role=cast(Role, role),
        personal=tenant.personal_of is not None,
        residency=tuple(tenant.residency),
        created_at=tenant.created_at,
    )
