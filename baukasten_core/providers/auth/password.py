"""Address and password, checked against the platform's own accounts."""

from __future__ import annotations

from sqlalchemy import update

from baukasten_core.accounts.models import User
from baukasten_core.accounts.passwords import improved_hash, verify_password
from baukasten_core.accounts.users import find_user, possible_email
from baukasten_core.contracts.auth import (
    Credentials,
    Identity,
    PasswordCredentials,
    Scope,
    Transactions,
)
from baukasten_core.contracts.provider import ProviderConfig


class PasswordConfig(ProviderConfig):
    """Nothing to configure: limits on attempts are settings of the platform."""


def build(config: PasswordConfig) -> PasswordProvider:
    return PasswordProvider()


class PasswordProvider:
    """No connection is held while argon2 works."""

    name = "password"

    async def authenticate(
        self, credentials: Credentials, database: Transactions
    ) -> Identity | None:
        if not isinstance(credentials, PasswordCredentials):
            return None
        email, user = possible_email(credentials.email), None
        if email is not None:
            async with database.transaction() as session:
                user = await find_user(session, email)
        stored = user.password_hash if user else None
        if not await verify_password(credentials.password, stored):
            return None
        if user is None or not user.is_active:
            return None
        if better := await improved_hash(credentials.password, stored):
            async with database.transaction(Scope(user.user_id)) as session:
                query = update(User).where(User.id == user.user_id)
                await session.execute(query.values(password_hash=better))
        return Identity(user.user_id)
