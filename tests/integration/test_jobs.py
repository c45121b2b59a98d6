"""Jobs: queued with their row, run once and again, given up with a word, never lost."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import psycopg
import pytest

from baukasten_core.accounts.first_admin import FIRST_ADMIN_LOCK
from baukasten_core.contracts.auth import Principal, Scope
from baukasten_core.db.migrate import MIGRATION_LOCK
from baukasten_core.db.session import Database
from baukasten_core.db.urls import libpq_url
from baukasten_core.documents.outside import ERASE
from baukasten_core.errors import Unavailable, Unprocessable
from baukasten_core.jobs import Handler, Jobs, Periodic
from baukasten_core.jobs.handlers import HandlerMissing, WorkerDied
from baukasten_core.jobs.sweep import SWEEP_LOCK
from baukasten_core.services import Services
from baukasten_core.testing.fixtures_db import DatabaseUrls
from baukasten_core.upkeep import periodic_work
from tests.jobs.working import Seen, count, enqueue, is_waiting, none_left, until, working


async def test_a_job_runs_as_its_owner_with_its_ids(
    database: Database, database_urls: DatabaseUrls, tenant: Principal
) -> None:
    seen, about = Seen(), uuid4()
    async with working(database_urls, {"t.run": Handler(seen.run)}) as worker:
        await enqueue(database, tenant, "t.run", about=about)
        await seen.finished()
        assert seen.calls == [(tenant.scope, {"about": about})]
        assert await worker.health() is None
        await until(lambda: none_left(database, tenant))
    assert await worker.health() is not None


async def test_a_job_exists_if_and_only_if_the_transaction_commits(
    database: Database, tenant: Principal
) -> None:
    async with database.transaction(tenant.scope) as session:
        await Jobs().enqueue(session, tenant, "t.never", about=uuid4())
        await session.rollback()
    assert await count(database, tenant) == 0


async def test_jobs_carry_ids_only(database: Database, tenant: Principal) -> None:
    async with database.transaction(tenant.scope) as session:
        with pytest.raises(TypeError, match="ids only"):
            await Jobs().enqueue(session, tenant, "t.text", note="some text")  # type: ignore[arg-type]


async def test_an_error_is_tried_again(
    database: Database, database_urls: DatabaseUrls, tenant: Principal
) -> None:
    seen = Seen(RuntimeError("once"))
    async with working(database_urls, {"t.again": Handler(seen.run, seen.failed)}):
        await enqueue(database, tenant, "t.again")
        await seen.finished()
    assert len(seen.calls) == 2
    assert not seen.failures


async def test_what_trying_again_cannot_mend_fails_at_once_and_is_said(
    database: Database, database_urls: DatabaseUrls, tenant: Principal
) -> None:
    seen = Seen(Unprocessable("The file is encrypted."))
    async with working(database_urls, {"t.final": Handler(seen.run, seen.failed)}):
        await enqueue(database, tenant, "t.final")
        await seen.finished()
    assert len(seen.calls) == 1
    assert [str(error) for error in seen.failures] == ["The file is encrypted."]


def test_each_kind_of_trouble_is_counted_apart() -> None:
    handler, down = Handler(Seen().run, retries=3), Unavailable("down")
    much = {"errors": 3, "outages": 150, "deaths": 2}
    assert handler.budget(RuntimeError()).wait(much) is None
    assert handler.budget(RuntimeError()).wait({**much, "errors": 2}) == 4
    assert handler.budget(down).wait(much) == 60
    assert handler.budget(down).wait({"outages": 500}) is None
    assert handler.budget(WorkerDied()).wait(much) == 4
    assert handler.budget(WorkerDied()).wait({"deaths": 5}) is None


def test_a_missing_plugin_is_waited_for_some_days_and_no_longer() -> None:
    waits, missing = [], Handler(Seen().run).budget(HandlerMissing())
    while (wait := missing.wait({"missing": len(waits)})) is not None:
        waits.append(wait)
    assert 13 < sum(waits) / 86400 < 15


async def test_waiting_for_what_is_down_takes_no_try_from_an_error(
    database: Database, database_urls: DatabaseUrls, tenant: Principal
) -> None:
    seen = Seen(Unavailable("down"), RuntimeError("once"))
    async with working(database_urls, {"t.both": Handler(seen.run, seen.failed, retries=1)}):
        await enqueue(database, tenant, "t.both")
        await seen.finished()
    assert len(seen.calls) == 3
    assert not seen.failures


async def test_a_failed_on_failure_is_tried_again(
    database: Database, database_urls: DatabaseUrls, tenant: Principal
) -> None:
    seen = Seen(Unprocessable("broken"))

    async def failed(scope: Scope, error: Exception, **ids: object) -> None:
        seen.failures.append(error)
        raise RuntimeError("the database is gone")

    async with working(database_urls, {"t.unsaid": Handler(seen.run, failed)}):
        await enqueue(database, tenant, "t.unsaid")
        await seen.finished()
    assert len(seen.calls) == 2
    assert len(seen.failures) == 1


async def test_forgetting_removes_what_waits_and_nothing_else(
    database: Database, tenant: Principal, stranger: Principal
) -> None:
    one, two = uuid4(), uuid4()
    for owner, about in ((tenant, one), (tenant, two), (stranger, one)):
        await enqueue(database, owner, "t.waits", about=about)
    async with database.transaction(tenant.scope) as session:
        assert await Jobs().forget(session, tenant.tenant_id, about=one) == 1
    assert await count(database, tenant) == 1
    async with database.transaction(tenant.scope) as session:
        assert (await Jobs().pending(session))["t.waits"] == 2
        removed = await Jobs().forget(session, tenant.tenant_id, user_id=tenant.user_id)
        assert removed == 1
    assert await count(database, stranger) == 1


async def test_periodic_work_comes_round(database_urls: DatabaseUrls) -> None:
    turned = asyncio.Event()

    async def turn() -> None:
        turned.set()

    every_second = Periodic("t.tick", "* * * * * *", turn)
    async with working(database_urls, {}, periodic=[every_second]):
        await asyncio.wait_for(turned.wait(), 20)


async def test_a_failed_job_is_kept_for_thirty_days(
    services: Services, database: Database, database_urls: DatabaseUrls, tenant: Principal
) -> None:
    await _fail(database, database_urls, tenant, "t.fails")
    await _retention(services)
    assert await count(database, tenant) == 1
    _a_month_later(database_urls)
    await _retention(services)
    assert await count(database, tenant) == 0


async def test_retention_leaves_jobs_that_wait(
    services: Services, database: Database, database_urls: DatabaseUrls, tenant: Principal
) -> None:
    await enqueue(database, tenant, "t.waits_long")
    _a_month_later(database_urls)
    await _retention(services)
    assert await is_waiting(database, tenant)


async def test_a_file_that_could_not_be_deleted_is_tried_again_each_day(
    services: Services, database: Database, database_urls: DatabaseUrls, tenant: Principal
) -> None:
    await _fail(database, database_urls, tenant, ERASE)
    _a_month_later(database_urls)
    await _retention(services)
    assert await is_waiting(database, tenant)


async def _fail(database: Database, urls: DatabaseUrls, owner: Principal, job: str) -> None:
    seen = Seen(Unprocessable("broken"))
    async with working(urls, {job: Handler(seen.run, seen.failed)}):
        await enqueue(database, owner, job)
        await seen.finished()


def _a_month_later(urls: DatabaseUrls) -> None:
    with psycopg.connect(libpq_url(urls.owner)) as connection:
        connection.execute("UPDATE jobs.procrastinate_events SET at = at - interval '31 days'")


async def _retention(services: Services) -> None:
    (daily,) = (work for work in periodic_work(services) if work.name == "core.retention")
    await daily.run()


def test_no_two_locks_of_the_database_share_a_number() -> None:
    assert len({MIGRATION_LOCK, SWEEP_LOCK, FIRST_ADMIN_LOCK}) == 3
