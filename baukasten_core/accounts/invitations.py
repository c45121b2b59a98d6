"""Invitations to a tenant, by mail: the link works once, for a week, for that address."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from baukasten_core.accounts.models import Invitation, Tenant, User
from baukasten_core.accounts.secrets import digest, new_secret
from baukasten_core.accounts.throttle import require_attempt
from baukasten_core.contracts.auth import Principal, Role, Scope
from baukasten_core.errors import BadRequest, Conflict, Forbidden, NotFound

TAKE = text("SELECT * FROM core.take_invitation(:hash)")
IS_MEMBER = text("SELECT 1 FROM core.members_of(:tenant) WHERE email = :email")
IS_PERSONAL = text("SELECT personal_of IS NOT NULL FROM core.tenants WHERE id = :tenant")

LIFETIME = timedelta(days=7)
MOST_IN_AN_HOUR = 50


@dataclass(frozen=True, slots=True)
class FoundInvitation:
    """An open invitation, and what its mail says of who invites where."""

    invitation: Invitation
    inviter: str
    tenant: str
    language: str

    @property
    def email(self) -> str:
        return self.invitation.email


async def create_invitation(
    session: AsyncSession, principal: Principal, email: str, role: Role
) -> Invitation:
    """Invite an address into the principal's present tenant; a second one replaces the first.

    Nobody knows its token: the one that works is made when the mail is sent (`renew_token`).

    Raises:
        Forbidden: members invite nobody, admins invite no owners.
        Conflict: the address belongs to a member already, or the tenant is a personal one.
        TooManyRequests: too many invitations within the hour.
    """
    _require_role(principal, role)
    if await session.scalar(IS_PERSONAL, {"tenant": principal.tenant_id}):
        raise Conflict(
            "A personal tenant has one member.", hint="POST /tenants makes one to share."
        )
    values = {"tenant": principal.tenant_id, "email": email}
    if await session.scalar(IS_MEMBER, values) is not None:
        raise Conflict("This address belongs to a member already.")
    what, hour = f"invite|{principal.user_id}", timedelta(hours=1)
    await require_attempt(
        session,
        what,
        limit=MOST_IN_AN_HOUR,
        window=hour,
        refusal="Too many invitations within an hour.",
    )
    old = delete(Invitation).where(
        Invitation.tenant_id == principal.tenant_id, Invitation.email == email
    )
    await session.execute(old)
    invitation = Invitation(
        tenant_id=principal.tenant_id,
        user_id=principal.user_id,
        email=email,
        role=role,
        token_hash=digest(new_secret()),
        expires_at=datetime.now(UTC) + LIFETIME,
    )
    session.add(invitation)
    await session.flush()
    await session.refresh(invitation)
    return invitation


async def find_invitation(
    session: AsyncSession, scope: Scope, invitation_id: UUID
) -> FoundInvitation | None:
    """An invitation of the transaction's user and tenant; None when it was taken back."""
    query = (
        select(Invitation, User.email, User.language, Tenant.name)
        .join(User, User.id == Invitation.user_id)
        .join(Tenant, Tenant.id == Invitation.tenant_id)
        .where(Invitation.id == invitation_id, Invitation.tenant_id == scope.tenant_id)
    )
    row = (await session.execute(query)).one_or_none()
    if row is None:
        return None
    invitation, inviter, language, tenant = row
    return FoundInvitation(invitation, inviter, tenant, language)


async def renew_token(session: AsyncSession, invitation: Invitation) -> str:
    """The token that accepts it from now on, for its mail and nowhere else."""
    token = new_secret()
    invitation.token_hash = digest(token)
    await session.flush()
    return token


async def list_invitations(session: AsyncSession, principal: Principal) -> Sequence[Invitation]:
    """The open invitations of the principal's present tenant; members see none."""
    _require_role(principal, "member")
    query = select(Invitation).where(Invitation.tenant_id == principal.tenant_id)
    return (await session.scalars(query.order_by(Invitation.created_at, Invitation.id))).all()


async def delete_invitation(
    session: AsyncSession, principal: Principal, invitation_id: UUID
) -> None:
    """Take an invitation back."""
    _require_role(principal, "member")
    gone = delete(Invitation).where(
        Invitation.tenant_id == principal.tenant_id, Invitation.id == invitation_id
    )
    if await session.scalar(gone.returning(Invitation.id)) is None:
        raise NotFound("Invitation not found")


async def accept_invitation(session: AsyncSession, token: str) -> UUID:
    """Join: the transaction's user becomes a member. Returns the tenant.

    Raises:
        BadRequest: the invitation is unknown, used or too old.
        Forbidden: it was sent to another address.
    """
    row = (await session.execute(TAKE, {"hash": digest(token)})).one()
    if row.outcome == "unknown":
        raise BadRequest(
            "INVITATION_BAD_TOKEN", hint="The invitation was used or is too old: ask for another."
        )
    if row.outcome == "other_address":
        raise Forbidden(
            "This invitation was sent to another address.",
            hint="Sign in with the account of the address that got the mail.",
        )
    tenant_id: UUID = row.tenant_id
    return tenant_id


def _require_role(principal: Principal, invited: Role) -> None:
    if principal.role == "member" or (principal.role == "admin" and invited == "owner"):
        raise Forbidden("Your role in this tenant does not allow this.")
