"""The database as the platform uses it: one engine a process, one transaction a request."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import psycopg
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

from baukasten_core.contracts.auth import Scope
from baukasten_core.db.notices import notices
from baukasten_core.db.single import SingleStatements
from baukasten_core.db.urls import libpq_url
from baukasten_core.errors import DatabaseUnavailable, Forbidden, StartupRefused

SET_SCOPE = text(
    "SELECT set_config('baukasten.tenant_id', :tenant, true),"
    " set_config('baukasten.user_id', :user, true),"
    " set_config('baukasten.project_id', :project, true)"
)


class Database:
    """A pool of connections as the app role, and one more, `single`, for what every request asks.

    Statements are never prepared: a generic plan warmed on one tenant would be used for another
    and ignore the planner settings of its transaction (see docs/decisions).
    """

    def __init__(
        self,
        url: str,
        *,
        pool_size: int = 8,
        connect_timeout: float = 5.0,
        statement_timeout: float = 30.0,
    ) -> None:
        self.url = make_url(url).set(drivername="postgresql+psycopg")
        self._options: dict[str, Any] = {
            "prepare_threshold": None,
            "connect_timeout": max(2, int(connect_timeout)),
            # What is compiled for a statement of some milliseconds takes longer than it does.
            "options": f"-c statement_timeout={int(statement_timeout * 1000)} -c jit=off",
            "application_name": "baukasten",
        }
        self._engine = create_async_engine(
            self.url,
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=connect_timeout,
            hide_parameters=True,  # errors are logged, and parameters are people's data
            connect_args=self._options,
        )
        self._libpq_url = libpq_url(url)
        self.single = SingleStatements(
            self._libpq_url, seconds=connect_timeout, options=self._options
        )
        self._sessions = async_sessionmaker(self._engine, expire_on_commit=False)

    @asynccontextmanager
    async def transaction(self, scope: Scope | None = None) -> AsyncIterator[AsyncSession]:
        """One transaction that sees the rows of `scope` alone; committed at exit, rolled back on
        an error.

        Raises:
            DatabaseUnavailable: the database can't be reached, or every connection is busy.
            Forbidden: a row was written that the scope does not allow.
        """
        try:
            async with self._sessions() as session, session.begin():
                if scope is not None:
                    await enter_scope(session, scope)
                yield session
        except (PoolTimeout, psycopg.OperationalError) as error:
            raise _unavailable(error) from error
        except DBAPIError as error:
            if _refused_row(error):
                raise Forbidden("You may not write there.") from error
            if not _lost_connection(error):
                raise
            raise _unavailable(error) from error

    async def ping(self) -> None:
        """Raises `DatabaseUnavailable` when the database does not answer."""
        async with self.transaction() as session:
            await session.execute(text("SELECT 1"))

    def notices(self, channel: str) -> AsyncGenerator[bool, None]:
        """What is notified on a channel, and whether it is heard: see `db.notices`."""
        return notices(self._libpq_url, channel, self._options)

    async def close(self) -> None:
        await self.single.close()
        await self._engine.dispose()


async def enter_scope(session: AsyncSession, scope: Scope) -> None:
    """Bind the running transaction to a tenant and a user."""
    values = {
        "tenant": _text(scope.tenant_id),
        "user": _text(scope.user_id),
        "project": _text(scope.project_id),
    }
    await session.execute(SET_SCOPE, values)


async def refuse_unsafe_role(database: Database) -> None:
    """Refuse to serve with a role that row-level security does not hold.

    Raises:
        StartupRefused: the role is a superuser, bypasses row-level security or owns tables.
    """
    async with database.transaction() as session:
        row: Any = (
            await session.execute(
                text(
                    "SELECT current_user AS role, rolsuper, rolbypassrls, EXISTS (SELECT FROM"
                    " pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relowner ="
                    " r.oid AND c.relkind IN ('r', 'p') AND n.nspname <> 'pg_toast'"
                    " AND c.relpersistence = 'p') AS owns FROM pg_roles r"
                    " WHERE rolname = current_user"
                )
            )
        ).one()
    if row.rolsuper or row.rolbypassrls or row.owns:
        raise StartupRefused(
            f"the database role `{row.role}` is a superuser, bypasses row-level security or owns "
            "tables, so tenants would not be isolated",
            hint="Let BAUKASTEN_DATABASE_APP_URL name the role that `baukasten migrate` made, or "
            "leave it unset.",
        )


def _text(value: UUID | None) -> str:
    return "" if value is None else str(value)


def _refused_row(error: DBAPIError) -> bool:
    """A policy refused a row. (A missing grant, in contrast, is a mistake of ours.)"""
    refused = isinstance(error.orig, psycopg.errors.InsufficientPrivilege)
    return refused and "row-level security" in str(error.orig)


def _lost_connection(error: DBAPIError) -> bool:
    return error.connection_invalidated or isinstance(error, OperationalError)


def _unavailable(error: Exception) -> DatabaseUnavailable:
    busy = isinstance(error, PoolTimeout)
    detail = "All database connections are busy." if busy else "The database does not answer."
    return DatabaseUnavailable(detail, retry_after=2, hint="Try again in a moment.")
