"""Single statements past SQLAlchemy: for what every request asks."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Protocol

import psycopg
from psycopg.rows import namedtuple_row
from sqlalchemy import TextClause
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

from baukasten_core.errors import DatabaseUnavailable


class Rows:
    """An answer, read as far as `Statements` promises it."""

    def __init__(self, rows: Sequence[Any]) -> None:
        self._rows = rows

    def one_or_none(self) -> Any:
        """The only row, if there is one."""
        (row,) = self._rows or (None,)
        return row


class Statements(Protocol):
    """What executes a statement: a session in its transaction, or `SingleStatements`."""

    async def execute(self, statement: TextClause, params: Mapping[str, Any], /) -> Any: ...


class SingleStatements:
    """Statements that are each a transaction of their own, one after the other on one connection.

    A session with its transaction costs ten times the processor time, most of it in Python. What
    is executed must bear being executed twice: a connection that turns out to be dead (the server
    was started again) is replaced, and the statement is sent again.

    Args:
        seconds: for a statement and the wait for its turn.
        options: of `psycopg.AsyncConnection.connect`.
    """

    def __init__(self, url: str, *, seconds: float, options: Mapping[str, Any]) -> None:
        self._url = url
        self._seconds = seconds
        self._options = options
        self._turn = asyncio.Lock()
        self._kept: psycopg.AsyncConnection[Any] | None = None

    async def execute(self, statement: TextClause, params: Mapping[str, Any], /) -> Rows:
        """Raises `DatabaseUnavailable` when the database can't be reached, or does not answer."""
        try:
            async with asyncio.timeout(self._seconds), self._turn:
                return await self._execute(_sql(statement), params)
        except (TimeoutError, psycopg.OperationalError) as error:
            raise DatabaseUnavailable(
                "The database does not answer.", retry_after=2, hint="Try again in a moment."
            ) from error

    async def close(self) -> None:
        kept, self._kept = self._kept, None
        if kept is not None:
            await kept.close()

    async def _execute(self, sql: str, params: Mapping[str, Any]) -> Rows:
        if self._kept is not None:
            try:
                return await self._ask(self._kept, sql, params)
            except psycopg.OperationalError:
                pass
        connection = await psycopg.AsyncConnection.connect(
            self._url, autocommit=True, row_factory=namedtuple_row, **self._options
        )
        return await self._ask(connection, sql, params)

    async def _ask(
        self, connection: psycopg.AsyncConnection[Any], sql: str, params: Mapping[str, Any]
    ) -> Rows:
        self._kept = None
        try:
            cursor = await connection.execute(sql, params)
            rows = await cursor.fetchall()
        except BaseException:  # also a caller that went away: nobody knows what is on the wire
            await connection.close()
            raise
        self._kept = connection
        return Rows(rows)


@cache
def _sql(statement: TextClause) -> str:
    """With parameters as psycopg writes them."""
    return str(statement.compile(dialect=PGDialect_psycopg()))  # type: ignore[no-untyped-call]
