"""Whatever is done with refresh tokens: only the newest of a live session works, and only once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from typing import ClassVar
from uuid import UUID

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, rule, run_state_machine_as_test
from sqlalchemy import text

from baukasten_core.accounts.sessions import end_session, rotate_session, start_session
from baukasten_core.contracts.auth import Principal
from baukasten_core.db.session import Database
from baukasten_core.testing.fixtures_db import DatabaseUrls, create_user

DAY = timedelta(days=1)


class Driver:
    """Runs the rooms' functions from hypothesis' synchronous rules, on a loop of its own."""

    def __init__(self, urls: DatabaseUrls, user: Principal) -> None:
        self.loop = asyncio.new_event_loop()
        self.database = Database(urls.app, pool_size=1)
        self.user = user

    def start(self) -> tuple[UUID, str]:
        async def do() -> tuple[UUID, str]:
            async with self.database.transaction(self.user.scope) as session:
                made = await start_session(
                    session, self.user.user_id, method="password", lifetime=DAY
                )
            return made.session_id, made.refresh_token

        return self.loop.run_until_complete(do())

    def rotate(self, token: str) -> str | None:
        async def do() -> str | None:
            async with self.database.transaction() as session:
                rotated = await rotate_session(session, token, lifetime=DAY)
            return rotated.refresh_token if rotated else None

        return self.loop.run_until_complete(do())

    def end(self, session_id: UUID) -> None:
        async def do() -> None:
            async with self.database.transaction(self.user.scope) as session:
                await end_session(session, session_id)

        self.loop.run_until_complete(do())

    def alive(self, session_id: UUID) -> bool:
        async def do() -> bool:
            async with self.database.transaction() as session:
                query = text("SELECT count(*) FROM core.open_session(:id, NULL)")
                return bool(await session.scalar(query, {"id": session_id}))

        return self.loop.run_until_complete(do())

    def close(self) -> None:
        self.loop.run_until_complete(self.database.close())
        self.loop.close()


@pytest.fixture
def driver(database_urls: DatabaseUrls) -> Iterator[Driver]:
    driver = Driver(database_urls, create_user(database_urls))
    yield driver
    driver.close()


class Tokens(RuleBasedStateMachine):
    """Sessions as they should be: the newest refresh token of each that is alive."""

    known = Bundle("known")
    driver: ClassVar[Driver]

    def __init__(self) -> None:
        super().__init__()
        self.newest: dict[UUID, str] = {}

    @rule(target=known)
    def sign_in(self) -> tuple[UUID, str]:
        session_id, token = self.driver.start()
        self.newest[session_id] = token
        return session_id, token

    @rule(target=known, used=known)
    def refresh(self, used: tuple[UUID, str]) -> tuple[UUID, str]:
        session_id, token = used
        expected = self.newest.get(session_id) == token
        following = self.driver.rotate(token)
        assert (following is not None) == expected
        if following is None:
            self.newest.pop(session_id, None)
            assert not self.driver.alive(session_id)
            return used
        self.newest[session_id] = following
        return session_id, following

    @rule(used=known)
    def sign_out(self, used: tuple[UUID, str]) -> None:
        if self.newest.pop(used[0], None):
            self.driver.end(used[0])
        assert not self.driver.alive(used[0])

    @rule(used=known, at=st.integers(0, 87), other=st.sampled_from("AB-_"))
    def forge(self, used: tuple[UUID, str], at: int, other: str) -> None:
        session_id, token = used
        place = 3 + at
        forged = token[:place] + other + token[place + 1 :]
        if forged == token:
            return
        was_alive = session_id in self.newest
        assert self.driver.rotate(forged) is None
        if was_alive and not self.driver.alive(session_id):
            # The family was right and the rest was not: it counts as used before.
            del self.newest[session_id]
            assert place >= len("br_") + (16 + 25) * 8 // 6

    @rule()
    def live_sessions_are_alive(self) -> None:
        for session_id in self.newest:
            assert self.driver.alive(session_id)


def test_only_the_newest_refresh_token_of_a_live_session_works(driver: Driver) -> None:
    bound = type("BoundTokens", (Tokens,), {"driver": driver})
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        bound, settings=settings(max_examples=25, stateful_step_count=15, deadline=None)
    )


async def test_a_refresh_token_used_at_the_same_time_twice_is_good_at_most_once(
    database: Database, tenant: Principal
) -> None:
    async with database.transaction(tenant.scope) as session:
        made = await start_session(session, tenant.user_id, method="password", lifetime=DAY)

    async def use() -> bool:
        async with database.transaction() as session:
            return await rotate_session(session, made.refresh_token, lifetime=DAY) is not None

    assert sum(await asyncio.gather(*(use() for _ in range(8)))) == 1
    async with database.transaction() as session:
        query = text("SELECT count(*) FROM core.open_session(:id, NULL)")
        assert await session.scalar(query, {"id": made.session_id}) == 0
