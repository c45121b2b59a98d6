"""Row-level security holds below everything the application does."""

from __future__ import annotations

from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from baukasten_core.contracts.auth import Principal, Scope
from baukasten_core.db.session import Database, refuse_unsafe_role
from baukasten_core.errors import StartupRefused
from baukasten_core.testing.fixtures_db import DatabaseUrls

INSERT = text(
    "INSERT INTO core.projects (id, tenant_id, user_id, name, type)"
    " VALUES (:id, :tenant, :user, 'x', 'other')"
)
COUNT = text("SELECT count(*) FROM core.projects")


async def add_project(database: Database, owner: Principal) -> None:
    async with database.transaction(owner.scope) as session:
        values = {"id": uuid4(), "tenant": owner.tenant_id, "user": owner.user_id}
        await session.execute(INSERT, values)


async def test_a_stranger_sees_no_row(
    database: Database, tenant: Principal, stranger: Principal
) -> None:
    await add_project(database, tenant)
    async with database.transaction(tenant.scope) as session:
        assert await session.scalar(COUNT) == 1
    async with database.transaction(stranger.scope) as session:
        assert await session.scalar(COUNT) == 0


async def test_a_reused_connection_without_scope_sees_no_row(
    database: Database, tenant: Principal
) -> None:
    await add_project(database, tenant)
    for scope in (None, Scope()):
        async with database.transaction(scope) as session:
            assert await session.scalar(COUNT) == 0


async def test_a_row_cannot_be_written_into_another_tenant(
    database: Database, tenant: Principal, stranger: Principal
) -> None:
    values = {"id": uuid4(), "tenant": tenant.tenant_id, "user": tenant.user_id}
    async with database.transaction(stranger.scope) as session:
        with pytest.raises(ProgrammingError, match="row-level security"):
            await session.execute(INSERT, values)
        await session.rollback()


async def test_serving_as_a_role_that_bypasses_row_level_security_is_refused(
    database: Database, database_urls: DatabaseUrls
) -> None:
    await refuse_unsafe_role(database)
    owner = Database(database_urls.owner)
    with pytest.raises(StartupRefused, match="superuser"):
        await refuse_unsafe_role(owner)
    await owner.close()
