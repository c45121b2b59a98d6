"""What calls cost is kept by tenant, without their text, and added up for admins."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import psycopg
from sqlalchemy import select

from baukasten_core.contracts.auth import Principal
from baukasten_core.contracts.gateway import GatewayCall, collect
from baukasten_core.contracts.llm import GenerateRequest, LLMProvider, Message, Usage
from baukasten_core.contracts.provider import Provider
from baukasten_core.db.session import Database
from baukasten_core.gateway import Gateway, build_instances
from baukasten_core.gateway.meter import UsageRecord
from baukasten_core.gateway.models import LlmUsage
from baukasten_core.gateway.usage import UsageWriter, usage_by_provider
from baukasten_core.testing.fakes import FakeLLM
from baukasten_core.testing.fixtures_db import DatabaseUrls

NOW = datetime.now(UTC)


def record(principal: Principal, **changes: object) -> UsageRecord:
    made = UsageRecord(
        instance="box",
        provider="fake",
        model="fake-model",
        region="local",
        outcome="answered",
        usage=Usage(7, 5),
        total_ms=40.0,
        first_ms=10.0,
        at=NOW,
        tenant_id=principal.tenant_id,
        user_id=principal.user_id,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


async def rows(database: Database, principal: Principal) -> list[LlmUsage]:
    async with database.transaction(principal.scope) as session:
        return list(await session.scalars(select(LlmUsage).order_by(LlmUsage.created_at)))


async def test_a_call_through_the_gateway_is_kept(database: Database, tenant: Principal) -> None:
    fake: Provider[LLMProvider] = Provider("fake", build=lambda _: FakeLLM())
    request = GenerateRequest("", (Message("user", "A private question."),))
    call = GatewayCall(request, tenant_id=tenant.tenant_id, user_id=tenant.user_id)
    async with UsageWriter(database) as writer:
        gateway = Gateway(build_instances({"fake": fake}, {"fake": {}}), ("fake",), on_usage=writer)
        await collect(gateway.generate(call))

    (kept,) = await rows(database, tenant)
    assert (kept.instance, kept.outcome, kept.completion_tokens) == ("fake", "answered", 5)
    assert "private" not in str({c.key: getattr(kept, c.key) for c in LlmUsage.__table__.columns})


async def test_rows_are_the_tenants_own(
    database: Database, tenant: Principal, stranger: Principal
) -> None:
    async with UsageWriter(database) as writer:
        await writer(record(tenant))
        await writer(record(tenant))
        await writer(record(stranger, instance="theirs"))
        await writer(replace(record(tenant), tenant_id=None))  # a program without an account

    assert [row.instance for row in await rows(database, tenant)] == ["box", "box"]
    assert [row.instance for row in await rows(database, stranger)] == ["theirs"]


async def test_an_account_that_is_gone_takes_nobody_elses_record_away(
    database: Database, tenant: Principal
) -> None:
    async with UsageWriter(database) as writer:
        await writer(replace(record(tenant), user_id=uuid4()))
        await writer(record(tenant))
    assert len(await rows(database, tenant)) == 1


async def test_records_wait_while_the_database_is_away(
    database_urls: DatabaseUrls, database: Database, tenant: Principal
) -> None:
    async with UsageWriter(Database("postgresql://nobody@127.0.0.1:9/none")) as writer:
        await writer(record(tenant))
        await writer.flush()
        writer._database = database
        await writer.flush()
    assert len(await rows(database, tenant)) == 1


async def test_only_an_admin_sees_the_sum(
    database: Database, database_urls: DatabaseUrls, tenant: Principal, stranger: Principal
) -> None:
    since = NOW + timedelta(days=400)  # the other tests' rows are older
    late = replace(record(tenant), at=since, instance="sum")
    async with UsageWriter(database) as writer:
        await writer(late)
        await writer(replace(late, outcome="failed", usage=Usage(), total_ms=9999.0))
        await writer(replace(late, instance="other"))
    with psycopg.connect(database_urls.owner) as connection:
        connection.execute("UPDATE core.users SET is_admin = true WHERE id = %s", [tenant.user_id])

    async with database.transaction(tenant.scope) as session:
        found = {row.instance: row for row in await usage_by_provider(session, since)}
    async with database.transaction(stranger.scope) as session:
        assert await usage_by_provider(session) == []
    assert (found["sum"].calls, found["sum"].answered) == (2, 1)
    assert (found["sum"].prompt_tokens, found["sum"].completion_tokens) == (7, 5)
    assert found["sum"].mean_ms == 40.0
    assert "other" in found
