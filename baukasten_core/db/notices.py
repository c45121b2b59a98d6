"""What PostgreSQL says by itself (NOTIFY), heard on a connection of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from typing import Any

import psycopg
from psycopg import sql

RETRY_SECONDS = 1.0


async def notices(url: str, channel: str, options: Mapping[str, Any]) -> AsyncGenerator[bool, None]:
    """Listens for ever, and answers whether it does: True when it begins to and with every
    notification after that, False when the connection is lost.

    What was notified before a True, or between a False and the next True, was not heard.

    Args:
        options: of `psycopg.AsyncConnection.connect`.
    """
    listen = sql.SQL("LISTEN {}").format(sql.Identifier(channel))
    while True:
        try:
            connecting = psycopg.AsyncConnection.connect(url, autocommit=True, **options)
            async with await connecting as connection:
                await connection.execute(listen)
                yield True
                async for _ in connection.notifies():
                    yield True
        except psycopg.OperationalError:
            yield False
        await asyncio.sleep(RETRY_SECONDS)
