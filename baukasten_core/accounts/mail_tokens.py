"""Links that are mailed: they work once, for a while, and prove that the address is somebody's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal
from uuid import UUID

from sqlalchemy import delete, text
from sqlalchemy.ext.asyncio import AsyncSession

from baukasten_core.accounts.models import MailToken
from baukasten_core.accounts.secrets import digest, new_secret

Purpose = Literal["verify", "reset"]

IS_GOOD = text("SELECT core.mail_token_is_good(:hash, :purpose)")
TAKE = text("SELECT * FROM core.take_mail_token(:hash, :purpose)")


@dataclass(frozen=True, slots=True)
class TakenToken:
    """Whose token it was, and whether the address was verified before."""

    user_id: UUID
    was_verified: bool


async def create_mail_token(
    session: AsyncSession, user_id: UUID, purpose: Purpose, *, lifetime: timedelta
) -> str:
    """A new token. The transaction must be bound to the user."""
    secret = new_secret()
    session.add(
        MailToken(
            token_hash=digest(secret),
            user_id=user_id,
            purpose=purpose,
            expires_at=datetime.now(UTC) + lifetime,
        )
    )
    await session.flush()
    return secret


async def is_good_mail_token(session: AsyncSession, token: str, purpose: Purpose) -> bool:
    """Whether `take_mail_token` would take it; look before work that costs."""
    values = {"hash": digest(token), "purpose": purpose}
    return bool(await session.scalar(IS_GOOD, values))


async def take_mail_token(session: AsyncSession, token: str, purpose: Purpose) -> TakenToken | None:
    """Use a token up; None when it is unknown, used or too old. Verifies its user's address."""
    values = {"hash": digest(token), "purpose": purpose}
    row = (await session.execute(TAKE, values)).one_or_none()
    return TakenToken(row.user_id, row.was_verified) if row else None


async def delete_mail_tokens(session: AsyncSession, user_id: UUID) -> None:
    """Make every mailed link of the transaction's user void."""
    await session.execute(delete(MailToken).where(MailToken.user_id == user_id))
