"""The audit log: what it takes, who reads it, and that nobody changes it."""

from __future__ import annotations

import httpx
import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from baukasten_core.contracts.auth import Principal, Scope
from baukasten_core.db.session import Database
from baukasten_core.errors import ResidencyViolation
from baukasten_core.gateway.audited import refusals_to_audit
from baukasten_core.gateway.residency import Destination, require_allowed
from baukasten_core.privacy import audit
from baukasten_core.privacy.retention import enforce_retention
from baukasten_core.testing.fixtures_app import SignedIn
from baukasten_core.testing.fixtures_db import DatabaseUrls
from baukasten_core.testing.rows import fill


async def test_entries_can_only_be_added(database: Database, tenant: Principal) -> None:
    async with database.transaction(tenant.scope) as session:
        await audit.record(session, tenant, "something.happened")
    for change in ("UPDATE core.audit SET action = 'x'", "DELETE FROM core.audit"):
        async with database.transaction(tenant.scope) as session:
            with pytest.raises(ProgrammingError, match="permission denied"):
                await session.execute(text(change))
            await session.rollback()


@pytest.mark.parametrize("forged", ["user", "tenant"])
async def test_an_entry_in_the_name_of_another_is_refused(
    database: Database, tenant: Principal, stranger: Principal, forged: str
) -> None:
    name = Scope(
        user_id=stranger.user_id if forged == "user" else tenant.user_id,
        tenant_id=stranger.tenant_id if forged == "tenant" else tenant.tenant_id,
    )
    for scope in (tenant.scope, None):
        async with database.transaction(scope) as session:
            with pytest.raises(ProgrammingError, match="row-level security"):
                await audit.record(session, name, "something.happened")
            await session.rollback()


async def test_one_reads_ones_own_entries_and_no_others(
    database: Database, tenant: Principal, stranger: Principal
) -> None:
    async with database.transaction(tenant.scope) as session:
        await audit.record(session, tenant, "something.happened")
    await audit.write(database, Scope(), "sign_in.failed", outcome="refused")
    count = text("SELECT count(*) FROM core.audit")
    for scope, expected in ((tenant.scope, 1), (stranger.scope, 0), (Scope(), 0)):
        async with database.transaction(scope) as session:
            assert await session.scalar(count) == expected
            assert await audit.list_entries(session, limit=10) == []


async def test_a_call_that_residency_refuses_is_written_down_without_its_content(
    database: Database, database_urls: DatabaseUrls, tenant: Principal
) -> None:
    elsewhere = Destination("llm", "vendor", "us", "llm.instances.vendor.region")
    with pytest.raises(ResidencyViolation):
        await require_allowed(
            elsewhere,
            frozenset({"local", "eu"}),
            on_refused=refusals_to_audit(database),
            tenant_id=tenant.tenant_id,
            user_id=tenant.user_id,
        )
    with psycopg.connect(database_urls.owner) as connection:
        row = connection.execute(
            "SELECT action, outcome, tenant_id, details FROM core.audit WHERE user_id = %s",
            [tenant.user_id],
        ).fetchone()
    details = {"kind": "llm", "destination": "vendor", "region": "us", "allowed": ["eu", "local"]}
    assert row == ("residency.refused", "refused", tenant.tenant_id, details)


async def test_retention_deletes_what_is_older_than_the_map_allows(
    database: Database, database_urls: DatabaseUrls, tenant: Principal, stranger: Principal
) -> None:
    with psycopg.connect(database_urls.owner, autocommit=True) as connection:
        for who in (tenant, stranger):
            fill(connection, who)
            await audit.write(database, who.scope, "something.happened")
        for table in ("llm_usage", "audit", "documents"):
            connection.execute(
                f"UPDATE core.{table} SET created_at = now() - interval '366 days'"
                " WHERE user_id = %s",
                [tenant.user_id],
            )
        deleted = await enforce_retention(database, audit_days=365)
        assert deleted == {"core.llm_usage": 1, "core.audit": 1}
        left = "SELECT user_id FROM core.llm_usage WHERE user_id = ANY(%s)"
        both = [[tenant.user_id, stranger.user_id]]
        assert connection.execute(left, both).fetchall() == [(stranger.user_id,)]


async def test_admins_page_through_all_of_it_and_nobody_else(
    client: httpx.AsyncClient, database: Database, admin: SignedIn, user: SignedIn
) -> None:
    for number in range(5):
        details = {"number": number}
        await audit.write(database, user.principal.scope, "thing.counted", details=details)
    assert (await client.get("/admin/audit", headers=user.headers)).status_code == 403
    seen: list[int] = []
    url = "/admin/audit?limit=2"
    while url:
        response = await client.get(url, headers=admin.headers)
        assert response.status_code == 200
        seen += [e["details"]["number"] for e in response.json() if e["action"] == "thing.counted"]
        url = response.links.get("next", {}).get("url", "")
    assert seen == [4, 3, 2, 1, 0]
