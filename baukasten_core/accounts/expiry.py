"""What has run out is forgotten: attempts, sessions, mailed links, invitations, API keys."""

from __future__ import annotations

from sqlalchemy import text

from baukasten_core.contracts.auth import Transactions

DELETE = text("SELECT core.delete_expired_accounts()")


async def delete_expired(database: Transactions) -> int:
    """Delete what has run out; answers how many rows. Nothing that has run out works meanwhile."""
    async with database.transaction() as session:
        return int(await session.scalar(DELETE) or 0)
