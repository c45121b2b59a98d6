"""Attempts are counted in the database, so that a limit holds across replicas.

Sign-ins count for the address they come from and for the account they try; an address may try more
often than an account may be tried, because many people may be behind it. An address from which
the account's owner has signed in before has a count of its own, so that strangers who keep trying
an account don't lock its owner out; a reset by mail makes an address known, too.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from baukasten_core.accounts.secrets import digest
from baukasten_core.errors import TooManyRequests

BEGIN = text(
    "SELECT core.begin_sign_in(:address, :account, :pair, :known, :account_limit, :address_limit,"
    " :window)"
)
END = text("SELECT core.end_sign_in(:address, :account, :pair, :known, :known_for)")
TAKE = text("SELECT core.take_attempt(:key, :limit, :window)")

KNOWN_FOR = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class SignInLimits:
    """Failed sign-ins within `window`, for one account and from one address."""

    account: int
    address: int
    window: timedelta


@dataclass(frozen=True, slots=True)
class SignInAttempt:
    """Who is tried, from where; only hashes of it are kept."""

    email: str
    address: str

    def keys(self) -> dict[str, bytes]:
        pair = f"{self.email}|{self.address}"
        return {
            "address": digest(f"address|{self.address}"),
            "account": digest(f"account|{self.email}"),
            "pair": digest(f"pair|{pair}"),
            "known": digest(f"known|{pair}"),
        }


async def begin_sign_in(session: AsyncSession, attempt: SignInAttempt, limits: SignInLimits) -> int:
    """Count an attempt before its password is looked at; commit before looking.

    Returns 0, or the seconds to wait.
    """
    values = {
        **attempt.keys(),
        "account_limit": limits.account,
        "address_limit": limits.address,
        "window": limits.window,
    }
    return int(await session.scalar(BEGIN, values) or 0)


async def end_sign_in(session: AsyncSession, attempt: SignInAttempt) -> None:
    """The attempt was right: it does not count, and the account's count starts anew."""
    await session.execute(END, {**attempt.keys(), "known_for": KNOWN_FOR})


async def require_attempt(
    session: AsyncSession, what: str, *, limit: int, window: timedelta, refusal: str
) -> None:
    """Count it as `take_attempt` does, and raise `TooManyRequests` beyond the limit."""
    wait = await take_attempt(session, what, limit=limit, window=window)
    if wait:
        raise too_many(wait, refusal)


async def take_attempt(session: AsyncSession, what: str, *, limit: int, window: timedelta) -> int:
    """Count anything else. Returns 0 when within the limit, else the seconds to wait."""
    values = {"key": digest(f"other|{what}"), "limit": limit, "window": window}
    return int(await session.scalar(TAKE, values) or 0)


def too_many(seconds: int, detail: str = "Too many attempts to sign in.") -> TooManyRequests:
    """The refusal, with when to come back."""
    return TooManyRequests(detail, retry_after=seconds, hint=f"Wait {seconds} seconds.")
