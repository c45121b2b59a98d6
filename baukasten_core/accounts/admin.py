"""What admins of the platform see and change. Each function in `system.sql` that is called here
asks that the transaction's user is an active admin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import RowMapping, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from baukasten_core.accounts.models import User
from baukasten_core.accounts.users import email_taken
from baukasten_core.contracts.auth import Principal
from baukasten_core.errors import BadRequest, BaukastenError, Forbidden, NotFound

USERS = text("SELECT * FROM core.admin_users(:search, :before, :before_id, :limit)")
USER = text("SELECT * FROM core.admin_user(:id)")
UPDATE = text(
    "SELECT core.admin_update_user(:id, :email, :password_hash, :is_active, :is_verified,"
    " :is_admin)"
)
DELETE = text("SELECT core.delete_user(:id)")
STATS = text("SELECT * FROM core.admin_stats()")
TIMELINE = text("SELECT * FROM core.admin_timeline(:since)")


@dataclass(frozen=True, slots=True)
class Stats:
    """Figures of the whole platform."""

    total_users: int
    admin_users: int
    total_projects: int
    total_documents: int
    total_chats: int


def require_admin(principal: Principal) -> None:
    """Raises `Forbidden` for anybody but an admin of the platform."""
    if not principal.is_admin:
        raise Forbidden("Admin privileges required")


async def list_users(
    session: AsyncSession,
    *,
    search: str | None = None,
    before: tuple[datetime, UUID] | None = None,
    limit: int = 50,
) -> Sequence[User]:
    """Accounts, newest first.

    Args:
        search: part of an address.
        before: `created_at` and `id` of the last account of the page before.
    """
    created_at, user_id = before or (None, None)
    values = {
        "search": search.lower() if search else None,
        "before": created_at,
        "before_id": user_id,
        "limit": limit,
    }
    return (await session.scalars(select(User).from_statement(USERS), values)).all()


async def get_user(session: AsyncSession, user_id: UUID) -> User:
    """Any account. Raises `NotFound`."""
    query = select(User).from_statement(USER).execution_options(populate_existing=True)
    user: User | None = await session.scalar(query, {"id": user_id})
    if user is None:
        raise NotFound("User not found")
    return user


async def update_user(
    session: AsyncSession,
    user_id: UUID,
    *,
    email: str | None = None,
    password_hash: str | None = None,
    is_active: bool | None = None,
    is_verified: bool | None = None,
    is_admin: bool | None = None,
) -> None:
    """Change an account; None leaves as it is. Deactivating it ends its sessions.

    Raises:
        NotFound: no such account.
        BadRequest: `UPDATE_USER_EMAIL_ALREADY_EXISTS`, or it is the last admin.
    """
    values = {
        "id": user_id,
        "email": email,
        "password_hash": password_hash,
        "is_active": is_active,
        "is_verified": is_verified,
        "is_admin": is_admin,
    }
    try:
        async with session.begin_nested():
            outcome = await session.scalar(UPDATE, values)
    except IntegrityError:
        raise email_taken() from None
    if outcome != "ok":
        raise refusal(str(outcome))


async def delete_user(session: AsyncSession, user_id: UUID) -> None:
    """Delete an account with everything that depends on it: one's own, or any as an admin."""
    outcome = await session.scalar(DELETE, {"id": user_id})
    if outcome != "ok":
        raise refusal(str(outcome))


async def stats(session: AsyncSession) -> Stats:
    """Figures of the whole platform."""
    row = (await session.execute(STATS)).one_or_none()
    if row is None:
        raise refusal("forbidden")
    return Stats(
        row.total_users,
        row.admin_users,
        row.total_projects,
        row.total_documents,
        row.total_chats,
    )


async def timeline(session: AsyncSession, since: date) -> Sequence[RowMapping]:
    """What came on each day (UTC) since a day; money in millionths. Nothing for anybody but an
    admin."""
    return (await session.execute(TIMELINE, {"since": since})).mappings().all()


def refusal(outcome: str) -> BaukastenError:
    """The error for what a function in `system.sql` answered."""
    if outcome == "not_found":
        return NotFound("User not found")
    if outcome == "last_admin":
        return BadRequest(
            "The last admin can't be demoted, deactivated or deleted.",
            hint="Make somebody else an admin first.",
        )
    return Forbidden("Admin privileges required")
