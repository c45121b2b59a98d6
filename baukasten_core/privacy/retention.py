"""What has been kept long enough is deleted: `retention_days` of the data map, and the audit log
after `privacy.audit_days`. Run by a periodic job."""

from __future__ import annotations

from sqlalchemy import text

from baukasten_core.contracts.auth import Scope
from baukasten_core.db.session import Database
from baukasten_core.privacy import audit

ENFORCE = text("SELECT * FROM core.enforce_retention(:audit_days)")
LONG = text("SET LOCAL statement_timeout = 0")


async def enforce_retention(database: Database, *, audit_days: int) -> dict[str, int]:
    """Delete what is older than the map allows; answers the rows deleted by table."""
    async with database.transaction() as session:
        await session.execute(LONG)
        rows = await session.execute(ENFORCE, {"audit_days": audit_days})
        deleted = {f"{row.plugin}.{row.name}": int(row.deleted) for row in rows if row.deleted}
        if deleted:
            await audit.record(session, Scope(), "retention.enforced", details=deleted)
    return deleted
