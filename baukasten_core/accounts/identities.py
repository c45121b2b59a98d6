"""Accounts of other systems: which user one signs in as."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert

from baukasten_core.accounts.models import LinkedIdentity
from baukasten_core.accounts.users import create_user, find_user, possible_email
from baukasten_core.contracts.auth import ExternalIdentity, Language, Scope, Transactions
from baukasten_core.db.session import enter_scope
from baukasten_core.errors import Forbidden

FIND = text("SELECT * FROM core.find_identity(:issuer, :subject)")


async def user_of(
    database: Transactions,
    identity: ExternalIdentity,
    *,
    registration: bool,
    residency: Sequence[str],
    language: Language = "en",
) -> UUID:
    """The user an external account signs in as: the one it is linked to, else the one with its
    verified address, else a new one.

    An existing account is linked only if both sides have verified the address: else whoever
    signs up here first with somebody's address would get into their account later.

    Raises:
        Forbidden: inactive, not verified, or registration is closed.
    """
    async with database.transaction() as session:
        values = {"issuer": identity.issuer, "subject": identity.subject}
        row = (await session.execute(FIND, values)).one_or_none()
        if row is not None:
            if not row.is_active:
                raise _inactive()
            linked: UUID = row.user_id
            return linked
        email = possible_email(identity.email) if identity.email_verified else None
        if email is None:
            raise Forbidden(
                "The other system did not verify your mail address.",
                hint="Have it verified there, or sign up here with a password.",
            )
        found = await find_user(session, email)
        if found is not None and not found.is_active:
            raise _inactive()
        if found is not None and not found.is_verified:
            raise Forbidden(
                "An account with this address exists, but its address was never verified.",
                hint="Reset its password by mail, which verifies it; then sign in this way again.",
            )
        if found is None and not registration:
            raise Forbidden("Registration is closed; ask an admin for an account.")
        if found is not None:
            user_id = found.user_id
        else:
            made = await create_user(
                session, email, None, residency=residency, language=language, verified=True
            )
            user_id = made.user_id
        await enter_scope(session, Scope(user_id))
        # Two first sign-ins at the same time both find nothing: they link the same account.
        link = insert(LinkedIdentity).values(**values, user_id=user_id)
        await session.execute(link.on_conflict_do_nothing())
        return user_id


def _inactive() -> Forbidden:
    return Forbidden("This account is not active.", hint="Ask an admin.")
