"""Users: sign-up, look-up, and what they may change about themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast
from uuid import UUID, uuid4

from email_validator import EmailNotValidError, validate_email
from sqlalchemy import func, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from baukasten_core.accounts.models import User
from baukasten_core.contracts.auth import Language
from baukasten_core.errors import BadRequest, NotFound, Unprocessable

CREATE = text(
    "SELECT core.create_user(:id, :email, :password_hash, :language, :verified, :residency)"
)
FIND = text("SELECT * FROM core.find_user(:email)")
UNVERIFY = text("SELECT core.unverify_caller()")

INTERNAL = frozenset({"local", "localhost", "test"})
"""Domains that are never in the public DNS and that people's own networks use. The validator
refuses them, so a harmless one stands in for them while it looks."""
STAND_IN = "localdomain"


@dataclass(frozen=True, slots=True)
class FoundUser:
    """What is known of an address before its user has signed in."""

    user_id: UUID
    password_hash: str | None
    is_active: bool
    is_verified: bool
    language: Language


@dataclass(frozen=True, slots=True)
class NewUser:
    """A user just made, and their personal tenant."""

    user_id: UUID
    tenant_id: UUID


def normal_email(address: str) -> str:
    """The address as it is stored: in lower case. Addresses of an internal network are good.

    Raises:
        Unprocessable: it is no mail address.
    """
    name, _, domain = address.strip().rpartition("@")
    host, dot, top = domain.lower().rpartition(".")
    stand_in = f"{host}{dot}{STAND_IN}" if top in INTERNAL else domain
    try:
        valid = validate_email(
            f"{name}@{stand_in}", check_deliverability=False, globally_deliverable=False
        )
    except (EmailNotValidError, UnicodeError) as error:
        reason = str(error) if isinstance(error, EmailNotValidError) else "it is not valid text."
        raise Unprocessable(f"This is not a mail address: {reason}") from None
    known = valid.normalized.lower()
    return known.removesuffix(STAND_IN) + top if top in INTERNAL else known


def possible_email(address: str) -> str | None:
    """The same for a sign-in: None instead of an error, because no account can have it."""
    try:
        return normal_email(address)
    except Unprocessable:
        return None


async def create_user(
    session: AsyncSession,
    email: str,
    password_hash: str | None,
    *,
    residency: Sequence[str],
    language: Language = "en",
    verified: bool = False,
) -> NewUser:
    """Make a user and their personal tenant.

    Args:
        email: as `normal_email` gives it.
        residency: regions where the new tenant's data may be processed.

    Raises:
        BadRequest: `REGISTER_USER_ALREADY_EXISTS`.
    """
    user_id = uuid4()
    values = {
        "id": user_id,
        "email": email,
        "password_hash": password_hash,
        "language": language,
        "verified": verified,
        "residency": list(residency),
    }
    tenant_id: UUID | None = await session.scalar(CREATE, values)
    if tenant_id is None:
        raise BadRequest(
            "REGISTER_USER_ALREADY_EXISTS",
            hint="There is an account with this address: sign in, or reset its password.",
        )
    return NewUser(user_id, tenant_id)


async def find_user(session: AsyncSession, email: str) -> FoundUser | None:
    """The user with this address (as `normal_email` gives it)."""
    row = (await session.execute(FIND, {"email": email})).one_or_none()
    if row is None:
        return None
    return FoundUser(
        row.user_id,
        row.password_hash,
        row.is_active,
        row.is_verified,
        cast(Language, row.language),
    )


async def get_user(session: AsyncSession, user_id: UUID) -> User:
    """A user the transaction may see: its own. Raises `NotFound`."""
    user = await session.get(User, user_id, populate_existing=True)
    if user is None:
        raise NotFound("User not found")
    return user


async def update_profile(
    session: AsyncSession,
    user_id: UUID,
    *,
    email: str | None = None,
    password_hash: str | None = None,
    language: Language | None = None,
) -> bool:
    """Change the transaction's own user; None leaves as it is. A new address is not verified.

    Returns whether the address changed.

    Raises:
        BadRequest: `UPDATE_USER_EMAIL_ALREADY_EXISTS`.
    """
    user = await get_user(session, user_id)
    given = {"email": email, "password_hash": password_hash, "language": language}
    changes = {name: value for name, value in given.items() if value is not None}
    if not changes:
        return False
    changed = email is not None and email != user.email
    query = update(User).where(User.id == user_id).values(**changes, updated_at=func.now())
    try:
        async with session.begin_nested():
            await session.execute(query)
    except IntegrityError:
        raise email_taken() from None
    if changed:
        await session.execute(UNVERIFY)
    return changed


def email_taken() -> BadRequest:
    """Another account has the address."""
    return BadRequest("UPDATE_USER_EMAIL_ALREADY_EXISTS", hint="Another account has this address.")
