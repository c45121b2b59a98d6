"""Accounts below HTTP: what the functions of the system role and row-level security promise."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from baukasten_core.accounts import admin, first_admin, throttle, users
from baukasten_core.accounts.identities import user_of
from baukasten_core.accounts.mail_tokens import create_mail_token, take_mail_token
from baukasten_core.accounts.passwords import MAX_BYTES, NOBODYS_HASH, _hasher, hash_password
from baukasten_core.accounts.sign_in import sign_in
from baukasten_core.contracts.auth import (
    ExternalIdentity,
    Identity,
    PasswordCredentials,
    Principal,
    Scope,
)
from baukasten_core.db.session import Database
from baukasten_core.errors import (
    BadRequest,
    Conflict,
    Forbidden,
    NotFound,
    TooManyRequests,
    Unprocessable,
)
from baukasten_core.providers.auth.password import PasswordConfig, build
from baukasten_core.testing.fixtures_db import DatabaseUrls, create_user

PASSWORD = "a password of a test"
PROVIDERS = [build(PasswordConfig())]
WINDOW = timedelta(minutes=15)
LIMITS = throttle.SignInLimits(account=3, address=5, window=WINDOW)


def fresh_email() -> str:
    return f"{uuid4().hex}@example.test"


async def register(database: Database, email: str, **options: object) -> users.NewUser:
    stored = await hash_password(PASSWORD)
    async with database.transaction() as session:
        return await users.create_user(session, email, stored, residency=["local"], **options)  # type: ignore[arg-type]


async def attempt(
    database: Database, email: str, password: str, address: str
) -> Identity | ExternalIdentity | None:
    credentials = PasswordCredentials(email, password)
    return await sign_in(database, PROVIDERS, credentials, address, LIMITS)


async def test_a_new_user_has_a_personal_tenant_with_the_given_residency(
    database: Database,
) -> None:
    email = fresh_email()
    made = await register(database, email)
    async with database.transaction(Scope(made.user_id)) as session:
        row = (await session.execute(text("SELECT * FROM core.tenants"))).one()
    assert (row.id, row.personal_of, row.residency) == (made.tenant_id, made.user_id, ["local"])
    with pytest.raises(BadRequest, match="REGISTER_USER_ALREADY_EXISTS"):
        await register(database, email)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE core.users SET is_admin = true",
        "UPDATE core.users SET is_verified = true",
        "UPDATE core.memberships SET role = 'owner'",
        "INSERT INTO core.memberships (tenant_id, user_id, role) VALUES (:other, :user, 'owner')",
        "INSERT INTO core.users (id, email) VALUES (gen_random_uuid(), 'x@example.test')",
        "DELETE FROM core.users",
        "SELECT * FROM core.attempts",
    ],
)
async def test_the_app_role_itself_cannot_raise_anybodys_rights(
    database: Database, tenant: Principal, stranger: Principal, statement: str
) -> None:
    async with database.transaction(tenant.scope) as session:
        values = {"other": stranger.tenant_id, "user": tenant.user_id}
        bound = {name: value for name, value in values.items() if f":{name}" in statement}
        with pytest.raises(ProgrammingError, match="permission denied"):
            await session.execute(text(statement), bound)
        await session.rollback()


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT count(*) FROM core.admin_users(NULL, NULL, NULL, 100)",
        "SELECT count(*) FROM core.admin_user(:user)",
        "SELECT count(*) FROM core.members_of(:tenant)",
    ],
)
async def test_system_functions_tell_a_stranger_nothing(
    database: Database, tenant: Principal, stranger: Principal, statement: str
) -> None:
    values = {"user": tenant.user_id, "tenant": tenant.tenant_id}
    bound = {name: value for name, value in values.items() if f":{name}" in statement}
    for scope in (stranger.scope, None):
        async with database.transaction(scope) as session:
            assert await session.scalar(text(statement), bound) == 0


@pytest.mark.parametrize(
    ("statement", "outcome"),
    [
        ("SELECT core.delete_user(:user)", "forbidden"),
        ("SELECT core.admin_update_user(:user, NULL, NULL, false, NULL, true)", "forbidden"),
        ("SELECT core.update_tenant(:tenant, 'mine', NULL)", "not_found"),
        ("SELECT core.set_member_role(:tenant, :user, 'member')", "not_found"),
        ("SELECT core.remove_member(:tenant, :user)", "not_found"),
    ],
)
async def test_system_functions_do_nothing_for_a_stranger(
    database: Database, tenant: Principal, stranger: Principal, statement: str, outcome: str
) -> None:
    values = {"user": tenant.user_id, "tenant": tenant.tenant_id}
    bound = {name: value for name, value in values.items() if f":{name}" in statement}
    for scope in (stranger.scope, None):
        async with database.transaction(scope) as session:
            assert await session.scalar(text(statement), bound) == outcome


# --- passwords ----------------------------------------------------------------------------


def test_an_unknown_account_costs_as_much_as_a_known_one() -> None:
    assert not _hasher().current_hasher.check_needs_rehash(NOBODYS_HASH)


async def test_passwords_are_bounded_and_never_cut(database: Database) -> None:
    with pytest.raises(Unprocessable, match="1,024"):
        await hash_password("x" * (MAX_BYTES + 1))
    with pytest.raises(Unprocessable, match="8 characters"):
        await hash_password("short")
    email, long = fresh_email(), "ü" * (MAX_BYTES // 2)
    async with database.transaction() as session:
        await users.create_user(session, email, await hash_password(long), residency=["local"])
    assert await attempt(database, email, long, "1.1.1.1") is not None
    assert await attempt(database, email, long[:-1] + "u", "1.1.1.1") is None
    assert await attempt(database, email, long + "x", "1.1.1.1") is None


# --- throttling ---------------------------------------------------------------------------


async def test_failed_sign_ins_are_limited_for_an_account_from_any_address(
    database: Database,
) -> None:
    email = fresh_email()
    await register(database, email)
    for number in range(3):
        assert await attempt(database, email, "wrong", f"10.0.0.{number}") is None
    with pytest.raises(TooManyRequests) as caught:
        await attempt(database, email, PASSWORD, "10.0.0.9")
    assert 0 < int(caught.value.headers["Retry-After"]) <= WINDOW.total_seconds()


async def test_failed_sign_ins_are_limited_for_an_address_over_all_accounts(
    database: Database,
) -> None:
    address = fresh_email()
    for _ in range(5):
        assert await attempt(database, fresh_email(), "wrong", address) is None
    with pytest.raises(TooManyRequests):
        await attempt(database, fresh_email(), "wrong", address)


async def test_one_account_that_is_tried_too_often_leaves_its_neighbours_alone(
    database: Database,
) -> None:
    tried, neighbour, address = fresh_email(), fresh_email(), fresh_email()
    await register(database, neighbour)
    for _ in range(3):
        assert await attempt(database, tried, "wrong", address) is None
    with pytest.raises(TooManyRequests):
        await attempt(database, tried, "wrong", address)
    assert await attempt(database, neighbour, PASSWORD, address) is not None


async def test_strangers_do_not_lock_the_owner_out_of_a_known_address(database: Database) -> None:
    email, home = fresh_email(), fresh_email()
    await register(database, email)
    assert await attempt(database, email, PASSWORD, home) is not None
    for number in range(3):
        await attempt(database, email, "wrong", f"10.0.1.{number}")
    with pytest.raises(TooManyRequests):
        await attempt(database, email, "wrong", "10.0.1.9")
    assert await attempt(database, email, PASSWORD, home) is not None


async def test_right_sign_ins_never_count(database: Database) -> None:
    email, address = fresh_email(), fresh_email()
    await register(database, email)
    for _ in range(5):
        assert await attempt(database, email, PASSWORD, address) is not None


async def test_attempts_at_the_same_time_are_all_counted(database: Database) -> None:
    subject = throttle.SignInAttempt(fresh_email(), fresh_email())

    async def once() -> int:
        async with database.transaction() as session:
            return await throttle.begin_sign_in(session, subject, LIMITS)

    waits = await asyncio.gather(*(once() for _ in range(20)))
    assert sum(wait == 0 for wait in waits) == 3


async def test_only_hashes_of_addresses_are_kept(
    database: Database, database_urls: DatabaseUrls
) -> None:
    import psycopg

    email = fresh_email()
    await attempt(database, email, "wrong", "203.0.113.77")
    with psycopg.connect(database_urls.owner) as connection:
        rows = connection.execute("SELECT key FROM core.attempts").fetchall()
    assert rows
    assert all(len(key) == 32 for (key,) in rows)


# --- mailed tokens ------------------------------------------------------------------------


async def test_a_mailed_token_works_once_and_for_its_purpose(
    database: Database, tenant: Principal
) -> None:
    async with database.transaction(tenant.scope) as session:
        token = await create_mail_token(session, tenant.user_id, "verify", lifetime=WINDOW)
    async with database.transaction() as session:
        assert await take_mail_token(session, token, "reset") is None
        taken = await take_mail_token(session, token, "verify")
        assert taken is not None
        assert (taken.user_id, taken.was_verified) == (tenant.user_id, False)
        assert await take_mail_token(session, token, "verify") is None


async def test_a_mailed_token_that_is_too_old_does_not_work(
    database: Database, tenant: Principal
) -> None:
    async with database.transaction(tenant.scope) as session:
        token = await create_mail_token(
            session, tenant.user_id, "reset", lifetime=timedelta(seconds=-1)
        )
    async with database.transaction() as session:
        assert await take_mail_token(session, token, "reset") is None


# --- identities of other systems ----------------------------------------------------------


def external(email: str, *, verified: bool = True, subject: str | None = None) -> ExternalIdentity:
    return ExternalIdentity("https://issuer.test", subject or uuid4().hex, email, verified)


async def resolve(
    database: Database, identity: ExternalIdentity, registration: bool = True
) -> UUID:
    return await user_of(database, identity, registration=registration, residency=["local"])


async def test_an_external_account_becomes_a_user_and_stays_that_user(database: Database) -> None:
    subject = uuid4().hex
    first = await resolve(database, external(fresh_email(), subject=subject))
    again = await resolve(database, external(fresh_email(), subject=subject))
    assert first == again


async def test_an_external_account_is_linked_by_an_address_that_both_have_verified(
    database: Database,
) -> None:
    email = fresh_email()
    made = await register(database, email, verified=True)
    assert await resolve(database, external(email)) == made.user_id


async def test_an_external_account_does_not_get_into_an_unverified_account(
    database: Database,
) -> None:
    email = fresh_email()
    await register(database, email)
    with pytest.raises(Forbidden, match="never verified"):
        await resolve(database, external(email))
    with pytest.raises(Forbidden, match="did not verify"):
        await resolve(database, external(fresh_email(), verified=False))
    with pytest.raises(Forbidden, match="closed"):
        await resolve(database, external(fresh_email()), registration=False)


# --- admins -------------------------------------------------------------------------------


async def test_the_first_admin_is_made_once(
    database: Database, database_urls: DatabaseUrls
) -> None:
    options = {"residency": ["local"]}
    email = f"{uuid4().hex}@baukasten.local"
    made = first_admin.ensure_first_admin(database_urls.owner, email, **options)
    assert made is not None
    assert made.email == email
    assert first_admin.ensure_first_admin(database_urls.owner, email, **options) is None
    identity = await attempt(database, email, made.password, fresh_email())
    assert isinstance(identity, Identity)
    async with database.transaction(Scope(identity.user_id)) as session:
        assert (await admin.get_user(session, identity.user_id)).is_admin
        for change in ({"is_admin": False}, {"is_active": False}):
            with pytest.raises(BadRequest, match="last admin"):
                await admin.update_user(session, identity.user_id, **change)
        with pytest.raises(BadRequest, match="last admin"):
            await admin.delete_user(session, identity.user_id)
    other = create_user(database_urls)
    with pytest.raises(Conflict):
        first_admin.create_admin(database_urls.owner, other.email, **options)
    with pytest.raises(NotFound):
        first_admin.promote(database_urls.owner, fresh_email())
    first_admin.promote(database_urls.owner, other.email)
    async with database.transaction(Scope(identity.user_id)) as session:
        await admin.update_user(session, other.user_id, is_admin=False)


async def test_a_shared_tenant_outlives_its_owner_and_an_empty_one_does_not(
    database: Database, tenant: Principal, stranger: Principal, database_urls: DatabaseUrls
) -> None:
    import psycopg

    shared, alone = uuid4(), uuid4()
    create = text("SELECT core.create_tenant(:id, 'team', '{local}')")
    async with database.transaction(tenant.scope) as session:
        for tenant_id in (shared, alone):
            await session.execute(create, {"id": tenant_id})
    with psycopg.connect(database_urls.owner) as connection:
        connection.execute(
            "INSERT INTO core.memberships (tenant_id, user_id, role) VALUES (%s, %s, 'member')",
            [shared, stranger.user_id],
        )
    async with database.transaction(tenant.scope) as session:
        await admin.delete_user(session, tenant.user_id)
    with psycopg.connect(database_urls.owner) as connection:
        query = "SELECT user_id, role FROM core.memberships WHERE tenant_id = ANY(%s)"
        rows = connection.execute(query, [[shared, alone, tenant.tenant_id]]).fetchall()
        query = "SELECT id FROM core.tenants WHERE id = ANY(%s)"
        left = connection.execute(query, [[shared, alone, tenant.tenant_id]]).fetchall()
    assert rows == [(stranger.user_id, "owner")]
    assert left == [(shared,)]
