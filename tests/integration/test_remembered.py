"""What the database said is remembered for some seconds, and forgotten when it may have changed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from uuid import uuid4

import httpx
import psycopg
import pytest
import pytest_asyncio
from fastapi import FastAPI

from baukasten_core.contracts.auth import Principal
from baukasten_core.db import remembered
from baukasten_core.db.remembered import CHANNEL, Remembered
from baukasten_core.db.session import Database
from baukasten_core.errors import Unauthorized
from baukasten_core.testing.fixtures_app import SignedIn
from baukasten_core.testing.fixtures_db import DatabaseUrls

LISTENERS = "FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND datname = current_database()"


class Caller:
    """Somebody who calls with a token, and how often they were looked up."""

    def __init__(self, known: Remembered, principal: Principal) -> None:
        self._known = known
        self._principal = principal
        self.token = uuid4().hex
        self.looked_up = 0

    async def call(self) -> Principal:
        return await self._known.get(self.token, self._look_up)

    async def is_known(self) -> bool:
        before = self.looked_up
        await self.call()
        return self.looked_up == before

    async def _look_up(self) -> Principal:
        self.looked_up += 1
        return self._principal


@pytest_asyncio.fixture
async def known(database: Database) -> AsyncIterator[Remembered]:
    async with Remembered(database.notices(CHANNEL)) as known:
        yield known


@pytest_asyncio.fixture
async def caller(known: Remembered, tenant: Principal) -> Caller:
    """Who is remembered by now."""
    caller = Caller(known, tenant)
    await eventually(caller, is_known=True)
    return caller


async def eventually(caller: Caller, *, is_known: bool) -> None:
    async with asyncio.timeout(10):
        while await caller.is_known() is not is_known:  # noqa: ASYNC110 (asks, waits for no event)
            await asyncio.sleep(0.01)


@pytest.fixture
def owner(database_urls: DatabaseUrls, tenant: Principal) -> Callable[[str], None]:
    """Runs a statement about the caller, who has a session and an API key."""

    def run(statement: str) -> None:
        values = {"user": tenant.user_id, "tenant": tenant.tenant_id, "id": uuid4()}
        with psycopg.connect(database_urls.owner, autocommit=True) as connection:
            connection.execute(statement, values)

    run(
        "INSERT INTO core.sessions (id, user_id, family_hash, refresh_hash, expires_at)"
        " VALUES (%(id)s, %(user)s, '', '', now() + interval '1 day')"
    )
    run(
        "INSERT INTO core.api_keys (id, tenant_id, user_id, name, prefix, key_hash, scopes)"
        " VALUES (%(id)s, %(tenant)s, %(user)s, 'key', 'bk_', uuid_send(%(id)s), '{llm}')"
    )
    return run


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM core.api_keys WHERE user_id = %(user)s",
        "UPDATE core.api_keys SET scopes = '{read}' WHERE user_id = %(user)s",
        "UPDATE core.api_keys SET expires_at = now() WHERE user_id = %(user)s",
        "DELETE FROM core.sessions WHERE user_id = %(user)s",
        "UPDATE core.users SET is_active = false WHERE id = %(user)s",
        "UPDATE core.users SET is_admin = true WHERE id = %(user)s",
        "UPDATE core.memberships SET role = 'member' WHERE user_id = %(user)s",
        "DELETE FROM core.memberships WHERE user_id = %(user)s",
        "UPDATE core.tenants SET residency = '{local,eu}' WHERE id = %(tenant)s",
        "UPDATE core.projects SET residency = '{local}' WHERE tenant_id = %(tenant)s",
        "DELETE FROM core.projects WHERE tenant_id = %(tenant)s",
        "DELETE FROM core.tenants WHERE id = %(tenant)s",
        "DELETE FROM core.users WHERE id = %(user)s",
    ],
)
async def test_a_change_of_a_caller_is_known_before_their_time_is_up(
    change: str, owner: Callable[[str], None], caller: Caller
) -> None:
    owner(change)
    async with asyncio.timeout(remembered.SECONDS / 2):
        await eventually(caller, is_known=False)


async def test_that_a_key_was_used_changes_nothing(
    owner: Callable[[str], None], caller: Caller
) -> None:
    owner("UPDATE core.api_keys SET used_at = now() WHERE user_id = %(user)s")
    owner("SELECT pg_sleep(0.1)")
    assert await caller.is_known()


async def test_while_the_database_is_not_heard_nobody_is_remembered(
    owner: Callable[[str], None], caller: Caller, database_urls: DatabaseUrls
) -> None:
    with psycopg.connect(database_urls.owner, autocommit=True) as connection:
        connection.execute(f"SELECT pg_terminate_backend(pid, 5000) {LISTENERS}")
    await eventually(caller, is_known=False)
    assert not await caller.is_known()
    await eventually(caller, is_known=True)  # it listens again by itself


async def test_what_was_looked_up_before_a_change_is_not_remembered_after_it(
    owner: Callable[[str], None], known: Remembered, caller: Caller, tenant: Principal
) -> None:
    slow = Caller(known, tenant)
    found, answered = asyncio.Event(), asyncio.Event()

    async def look_up() -> Principal:
        found.set()
        await answered.wait()
        return tenant

    asking = asyncio.create_task(known.get(slow.token, look_up))
    await found.wait()
    owner("UPDATE core.users SET is_active = false WHERE id = %(user)s")
    await eventually(caller, is_known=False)
    answered.set()
    await asking
    assert not await slow.is_known()


async def test_a_refusal_is_remembered_by_nobody(known: Remembered, caller: Caller) -> None:
    async def refuse() -> Principal:
        raise Unauthorized()

    with pytest.raises(Unauthorized):
        await known.get("another", refuse)
    with pytest.raises(Unauthorized):
        await known.get("another", refuse)


@pytest.fixture
def remembers(app: FastAPI, known: Remembered) -> None:
    """The application remembers from now on."""
    app.state.services = replace(app.state.services, remembered=known)


async def test_a_key_that_is_revoked_is_refused_while_it_is_remembered(
    client: httpx.AsyncClient, user: SignedIn, remembers: None
) -> None:
    body = {"name": "key", "scopes": ["llm"]}
    made = (await client.post("/auth/api-keys", json=body, headers=user.headers)).json()
    headers = {"Authorization": f"Bearer {made['key']}"}

    async def status(**more: str) -> int:
        answer = await client.get("/v1/models", headers={**headers, **more})
        return answer.status_code

    assert [await status() for _ in range(3)] == [200] * 3
    assert await status(**{"X-Tenant": str(uuid4())}) == 403
    await client.delete(f"/auth/api-keys/{made['id']}", headers=user.headers)
    async with asyncio.timeout(remembered.SECONDS / 2):
        while await status() != 401:  # noqa: ASYNC110 (asks, waits for no event)
            await asyncio.sleep(0.01)
