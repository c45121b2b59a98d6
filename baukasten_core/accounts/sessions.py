"""Sessions: one for each sign-in, with refresh tokens that work once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import delete, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from baukasten_core.accounts.models import SignInSession
from baukasten_core.accounts.secrets import RefreshToken, digest
from baukasten_core.contracts.auth import Scope
from baukasten_core.errors import NotFound
from baukasten_core.privacy import audit

ROTATE = text("SELECT core.rotate_session(:session, :family, :old, :new, :lifetime)")
RENEW = text("SELECT core.renew_session(:session, :family, :once)")
USER_AGENT_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class Rotated:
    """A session that goes on, and its next refresh token."""

    user_id: UUID
    session_id: UUID
    refresh_token: str


async def start_session(
    session: AsyncSession,
    user_id: UUID,
    *,
    method: str,
    lifetime: timedelta,
    user_agent: str = "",
) -> Rotated:
    """Begin a session, and write it down. The transaction must be bound to the user.

    Args:
        method: the kind of auth provider that vouched for them, for the audit log.
        lifetime: until when the first refresh token must be used; `rotate_session` then sets
            the session's own end.
    """
    token = RefreshToken.new(uuid4())
    session.add(
        SignInSession(
            id=token.session_id,
            user_id=user_id,
            family_hash=digest(token.family),
            refresh_hash=digest(token.once),
            expires_at=datetime.now(UTC) + lifetime,
            user_agent=user_agent.replace("\0", "")[:USER_AGENT_CHARACTERS],
        )
    )
    await session.flush()
    await audit.record(session, Scope(user_id), "user.signed_in", details={"method": method})
    return Rotated(user_id, token.session_id, str(token))


async def rotate_session(
    session: AsyncSession, refresh_token: str, *, lifetime: timedelta
) -> Rotated | None:
    """Exchange a refresh token for the next one; the session ends `lifetime` after it began.

    None when the token is unknown or was used before; in the latter case its session has ended,
    so the transaction must be committed all the same.
    """
    token = RefreshToken.parse(refresh_token)
    if token is None:
        return None
    following = token.next()
    values = {
        "session": token.session_id,
        "family": digest(token.family),
        "old": digest(token.once),
        "new": digest(following.once),
        "lifetime": lifetime,
    }
    user_id: UUID | None = await session.scalar(ROTATE, values)
    return Rotated(user_id, token.session_id, str(following)) if user_id else None


async def renew_session(session: AsyncSession, refresh_token: str) -> Rotated | None:
    """The session of a refresh token that stays as it is: for a cookie, which no script can read
    and several pages show at a time. None when it is not good (any more)."""
    token = RefreshToken.parse(refresh_token)
    if token is None:
        return None
    values = {
        "session": token.session_id,
        "family": digest(token.family),
        "once": digest(token.once),
    }
    user_id: UUID | None = await session.scalar(RENEW, values)
    return Rotated(user_id, token.session_id, refresh_token) if user_id else None


async def list_sessions(session: AsyncSession) -> Sequence[SignInSession]:
    """The live sessions of the transaction's user, latest use first."""
    query = select(SignInSession).where(SignInSession.expires_at > datetime.now(UTC))
    return (await session.scalars(query.order_by(SignInSession.used_at.desc()))).all()


async def end_session(session: AsyncSession, session_id: UUID) -> None:
    """End one session of the transaction's user. Raises `NotFound` when it is none of theirs."""
    gone = delete(SignInSession).where(SignInSession.id == session_id).returning(SignInSession.id)
    if await session.scalar(gone) is None:
        raise NotFound("Session not found")


async def end_sessions(
    session: AsyncSession, user_id: UUID, *, except_id: UUID | None = None
) -> None:
    """End all sessions of the transaction's user, or all but one."""
    gone = delete(SignInSession).where(SignInSession.user_id == user_id)
    if except_id is not None:
        gone = gone.where(SignInSession.id != except_id)
    await session.execute(gone)
