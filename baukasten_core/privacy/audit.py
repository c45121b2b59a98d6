"""The audit log: who did what, when, in which tenant, with which outcome.

Ids, numbers and names of settings only; never anybody's text, address or name. The app role may
add entries and read its user's own; it can't change or remove one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from uuid import UUID, uuid4

from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncSession

from baukasten_core.contracts.auth import Principal, Scope
from baukasten_core.db.paging import Cursor
from baukasten_core.db.session import Database
from baukasten_core.privacy.models import AuditEntry

Outcome = Literal["done", "refused", "failed"]

Detail = str | int | float | bool | UUID | Sequence[str]
"""What an entry may say besides: an id, a number, the name of a setting. Never free text."""

ENTRIES = text(
    "SELECT * FROM core.audit_entries(:limit, :before, :before_id, :action, :user, :since, :until)"
)


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of the audit log."""

    id: UUID
    created_at: datetime
    tenant_id: UUID | None
    user_id: UUID | None
    action: str
    outcome: str
    object_type: str | None
    object_id: UUID | None
    details: Mapping[str, Any] = field(default_factory=dict)


async def record(
    session: AsyncSession,
    actor: Principal | Scope,
    action: str,
    *,
    outcome: Outcome = "done",
    object_type: str | None = None,
    object_id: UUID | None = None,
    details: Mapping[str, Detail] | None = None,
) -> UUID:
    """Write an entry in the caller's transaction: it stands if and only if that commits.

    Args:
        actor: who the transaction is bound to; the database refuses an entry in another's name.
        action: what happened, as `thing.happened` (`user.exported`).
    """
    entry_id = uuid4()
    values = {
        "id": entry_id,
        "tenant_id": actor.tenant_id,
        "user_id": actor.user_id,
        "action": action,
        "outcome": outcome,
        "object_type": object_type,
        "object_id": object_id,
        "details": {key: _plain(value) for key, value in (details or {}).items()},
    }
    await session.execute(insert(AuditEntry).values(values))
    return entry_id


async def write(database: Database, scope: Scope, action: str, **entry: Any) -> None:
    """Write an entry in a transaction of its own: for what is refused, whose own is rolled back.
    Arguments as for `record`."""
    async with database.transaction(scope) as session:
        await record(session, scope, action, **entry)


async def list_entries(
    session: AsyncSession,
    *,
    action: str | None = None,
    user_id: UUID | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int,
    after: Cursor | None = None,
) -> list[Entry]:
    """The platform's entries, newest first; none unless the transaction's user is an admin.

    Args:
        action: how it begins (`user.`), or all of it.
        user_id: of this actor alone.
        since, until: from then on, and before then.
    """
    values = {
        "action": action,
        "user": user_id,
        "since": since,
        "until": until,
        "limit": limit,
        "before": after.time if after else None,
        "before_id": after.id if after else None,
    }
    return [Entry(**row) for row in (await session.execute(ENTRIES, values)).mappings()]


def _plain(value: Detail) -> Any:
    if isinstance(value, UUID):
        return str(value)
    return list(value) if isinstance(value, list | tuple | set | frozenset) else value
