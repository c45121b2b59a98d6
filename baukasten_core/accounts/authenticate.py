"""From a bearer token to a principal, in the request's own transaction and one round trip."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Row, text

from baukasten_core.accounts.secrets import API_KEY_PREFIX, digest
from baukasten_core.accounts.tokens import AccessTokens
from baukasten_core.contracts.auth import (
    AuthProvider,
    BearerCredentials,
    Identity,
    Language,
    Principal,
    Role,
    Transactions,
)
from baukasten_core.db.single import Statements
from baukasten_core.errors import Forbidden, Unauthorized

API_KEYS = "api_key"
"""The name of the provider that takes API keys; without it in `auth.providers` there are none."""

OPEN_SESSION = text("SELECT * FROM core.open_session(:session, :tenant)")
OPEN_API_KEY = text("SELECT * FROM core.open_api_key(:hash, :tenant)")
OPEN_USER = text("SELECT * FROM core.open_user(:user, :tenant)")


async def authenticate(
    session: Statements,
    tokens: AccessTokens,
    providers: Sequence[AuthProvider],
    token: str,
    tenant_id: UUID | None,
    database: Transactions,
) -> Principal:
    """Who sent this bearer token. Binds the transaction to them and their tenant.

    A session's token and an API key take one round trip; anything else is shown to the providers.

    Args:
        session: a transaction that is bound to nobody yet; or the database's single statements,
            where nothing but the answer is wanted.
        tenant_id: the tenant the caller names (`X-Tenant`), or None for their own.

    Raises:
        Unauthorized: the token, its session, its key or its user is not good (any more).
        Forbidden: the caller is not a member of that tenant.
    """
    if token.startswith(API_KEY_PREFIX):
        if all(provider.name != API_KEYS for provider in providers):
            raise Unauthorized()
        return await open_api_key(session, token, tenant_id)
    session_id = tokens.session_of(token)
    if session_id is None:
        return await _ask_others(session, providers, token, tenant_id, database)
    values = {"session": session_id, "tenant": tenant_id}
    row = (await session.execute(OPEN_SESSION, values)).one_or_none()
    return _principal(row, session_id=session_id)


async def _ask_others(
    session: Statements,
    providers: Sequence[AuthProvider],
    token: str,
    tenant_id: UUID | None,
    database: Transactions,
) -> Principal:
    for provider in providers:
        identity = await provider.authenticate(BearerCredentials(token), database)
        if isinstance(identity, Identity):
            return await open_identity(session, identity, tenant_id)
    raise Unauthorized()


async def open_api_key(session: Statements, key: str, tenant_id: UUID | None) -> Principal:
    """The principal of an API key, in the key's own tenant. Binds the transaction.

    Raises:
        Unauthorized: unknown, too old, or its user is not active.
        Forbidden: another tenant is named.
    """
    values = {"hash": digest(key), "tenant": tenant_id}
    row = (await session.execute(OPEN_API_KEY, values)).one_or_none()
    return _principal(row, key=row)


async def open_user(session: Statements, user_id: UUID, tenant_id: UUID | None) -> Principal:
    """The principal of a user that is known otherwise (a job). Binds the transaction.

    Raises:
        Unauthorized: there is no such active user.
        Forbidden: the user is not a member of that tenant.
    """
    values = {"user": user_id, "tenant": tenant_id}
    return _principal((await session.execute(OPEN_USER, values)).one_or_none())


async def open_identity(
    session: Statements, identity: Identity, tenant_id: UUID | None
) -> Principal:
    """The principal of whom an auth provider vouches for by a bearer token of its own kind."""
    if tenant_id and identity.tenant_id and tenant_id != identity.tenant_id:
        raise _not_a_member()
    values = {"user": identity.user_id, "tenant": identity.tenant_id or tenant_id}
    row = (await session.execute(OPEN_USER, values)).one_or_none()
    return _principal(row, identity=identity)


def _principal(
    row: Row[Any] | None,
    *,
    session_id: UUID | None = None,
    key: Row[Any] | None = None,
    identity: Identity | None = None,
) -> Principal:
    if row is None:
        raise Unauthorized()
    if row.tenant_id is None:
        raise _not_a_member()
    scopes = frozenset(key.scopes) if key else identity.scopes if identity else None
    return Principal(
        user_id=row.user_id,
        tenant_id=row.tenant_id,
        email=row.email,
        role=cast(Role, row.role),
        is_admin=row.is_admin and (scopes is None or "admin" in scopes),
        language=cast(Language, row.language),
        scopes=scopes,
        project_id=key.project_id if key else identity.project_id if identity else None,
        session_id=session_id,
        api_key_id=key.api_key_id if key else identity.api_key_id if identity else None,
    )


def _not_a_member() -> Forbidden:
    return Forbidden(
        "You are not a member of this tenant.", hint="GET /tenants lists those you can choose."
    )
