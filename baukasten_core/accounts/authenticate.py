"""From a bearer token to a principal, in the request's own transaction."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from baukasten_core.accounts.tokens import AccessTokens
from baukasten_core.contracts.auth import AuthProvider, Principal
from baukasten_core.errors import Unauthorized

OPEN_SESSION = text("SELECT * FROM core.open_session(:session, :tenant)")


async def authenticate(
    session: AsyncSession,
    tokens: AccessTokens,
    providers: Sequence[AuthProvider],
    token: str,
    tenant_id: UUID | None,
) -> Principal:
    """Who sent this token; binds the transaction to their user and tenant.

    A session's token takes one round trip; anything else is shown to the auth providers.

    Raises `Unauthorized` when nobody did, or the tenant is not theirs.
    """
    session_id = tokens.session_of(token)
    if session_id is None:
        raise Unauthorized()
    parameters = {"session": session_id, "tenant": tenant_id}
    row = (await session.execute(OPEN_SESSION, parameters)).one_or_none()
    if row is None:
        raise Unauthorized()
    return Principal(
        user_id=row.user_id,
        tenant_id=row.tenant_id,
        email=row.email,
        role=row.role,
        is_admin=row.is_admin,
        language=row.language,
        session_id=session_id,
    )
