"""API keys: shown once, stored as a hash, narrowed by scopes, perhaps to one project."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import delete, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from baukasten_core.accounts.models import ApiKey
from baukasten_core.accounts.scopes import DEFAULT_SCOPES, check_scopes
from baukasten_core.accounts.secrets import API_KEY_PREFIX, digest, new_secret
from baukasten_core.contracts.auth import Principal
from baukasten_core.errors import NotFound, Unprocessable

PROJECT = text("SELECT id FROM core.projects WHERE tenant_id = :tenant AND id = :id")
LONGEST = timedelta(days=3653)
SHOWN_CHARACTERS = len(API_KEY_PREFIX) + 6


@dataclass(frozen=True, slots=True)
class NewApiKey:
    """A key just made; `secret` is never to be had again."""

    key: ApiKey
    secret: str


async def create_api_key(
    session: AsyncSession,
    principal: Principal,
    name: str,
    *,
    scopes: Sequence[str] = DEFAULT_SCOPES,
    project_id: UUID | None = None,
    expires_at: datetime | None = None,
) -> NewApiKey:
    """A key for the principal in their present tenant.

    Raises:
        Unprocessable: an unknown scope, or a time that has passed or is more than ten years off.
        NotFound: the project is none of theirs.
    """
    now = datetime.now(UTC)
    if expires_at is not None and expires_at <= now:
        raise Unprocessable("`expires_at` has passed already.")
    if expires_at is not None and expires_at > now + LONGEST:
        raise Unprocessable("`expires_at` is more than ten years off; leave it out for no end.")
    if project_id is not None:
        values = {"tenant": principal.tenant_id, "id": project_id}
        if await session.scalar(PROJECT, values) is None:
            raise NotFound("Project not found")
    secret = new_secret(API_KEY_PREFIX)
    key = ApiKey(
        id=uuid4(),
        tenant_id=principal.tenant_id,
        user_id=principal.user_id,
        project_id=project_id,
        name=name,
        prefix=secret[:SHOWN_CHARACTERS],
        key_hash=digest(secret),
        scopes=check_scopes(scopes),
        expires_at=expires_at,
    )
    session.add(key)
    await session.flush()
    await session.refresh(key)
    return NewApiKey(key, secret)


async def list_api_keys(session: AsyncSession) -> Sequence[ApiKey]:
    """The keys of the transaction's user, in all their tenants, newest first."""
    return (await session.scalars(select(ApiKey).order_by(ApiKey.created_at.desc()))).all()


async def delete_api_key(session: AsyncSession, key_id: UUID) -> None:
    """End a key of the transaction's user. Raises `NotFound` when it is none of theirs."""
    gone = delete(ApiKey).where(ApiKey.id == key_id).returning(ApiKey.id)
    if await session.scalar(gone) is None:
        raise NotFound("API key not found")


async def delete_api_keys(session: AsyncSession, user_id: UUID) -> None:
    """End all keys of the transaction's user."""
    await session.execute(delete(ApiKey).where(ApiKey.user_id == user_id))
