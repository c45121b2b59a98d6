"""Signing in with a password: counted, asked of each auth provider in turn, and never telling
whether it was the address or the password that was wrong."""

from __future__ import annotations

from collections.abc import Sequence

from baukasten_core.accounts.throttle import (
    SignInAttempt,
    SignInLimits,
    begin_sign_in,
    end_sign_in,
    too_many,
)
from baukasten_core.contracts.auth import (
    AuthProvider,
    Credentials,
    ExternalIdentity,
    Identity,
    PasswordCredentials,
    Scope,
    Transactions,
)
from baukasten_core.privacy import audit


async def sign_in(
    database: Transactions,
    providers: Sequence[AuthProvider],
    credentials: PasswordCredentials,
    address: str,
    limits: SignInLimits,
) -> Identity | ExternalIdentity | None:
    """Who that is, or None if the credentials are wrong.

    Args:
        credentials: with `email` as `normal_email` gives it.
        address: where the attempt comes from.
        limits: failed attempts that are allowed.

    Raises:
        TooManyRequests: with the seconds to wait.
    """
    attempt = SignInAttempt(credentials.email, address)
    async with database.transaction() as session:
        wait = await begin_sign_in(session, attempt, limits)
    if wait:
        raise too_many(wait)
    identity = await ask(providers, credentials, database)
    async with database.transaction() as session:
        if identity is not None:
            await end_sign_in(session, attempt)
        else:
            # Nobody's name: who failed to sign in may be somebody else. The throttle limits these.
            await audit.record(session, Scope(), "sign_in.failed", outcome="refused")
    return identity


async def ask(
    providers: Sequence[AuthProvider], credentials: Credentials, database: Transactions
) -> Identity | ExternalIdentity | None:
    """The first identity that a provider vouches for."""
    for provider in providers:
        identity = await provider.authenticate(credentials, database)
        if identity is not None:
            return identity
    return None
