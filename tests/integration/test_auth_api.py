"""Every row of the contract's Auth and Users tables, over HTTP, on a real PostgreSQL."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from ipaddress import ip_network
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest
from fastapi import FastAPI
from pwdlib.hashers.argon2 import Argon2Hasher
from sqlalchemy import text

from baukasten_core.accounts.authenticate import open_api_key
from baukasten_core.accounts.passwords import hash_password
from baukasten_core.accounts.sessions import start_session
from baukasten_core.accounts.users import create_user
from baukasten_core.contracts.auth import (
    BearerCredentials,
    Credentials,
    Identity,
    Scope,
    Transactions,
)
from baukasten_core.db.session import enter_scope
from baukasten_core.services import Services
from baukasten_core.testing.fixtures_app import Outbox, SignedIn
from baukasten_core.testing.fixtures_db import DatabaseUrls

PASSWORD = "a password of a test"
USER_FIELDS = {
    *("id", "email", "is_active", "is_superuser", "is_verified", "is_admin", "created_at")
}


class Person:
    """Somebody at a client of their own, with an address of their own on the network."""

    def __init__(self, client: httpx.AsyncClient, email: str | None = None) -> None:
        self.client = client
        self.email = email or f"{uuid4().hex}@example.test"
        self.address = ".".join(str(part) for part in uuid4().bytes[:4])
        self.tokens: dict[str, Any] = {}

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens['access_token']}"}

    async def register(self, **extra: Any) -> httpx.Response:
        headers = extra.pop("headers", {})
        body = {"email": self.email, "password": PASSWORD, **extra}
        return await self.client.post("/auth/register", json=body, headers=headers)

    async def login(self, password: str = PASSWORD, username: str | None = None) -> httpx.Response:
        response = await self.client.post(
            "/auth/login",
            data={"username": username or self.email, "password": password},
            headers={"X-Forwarded-For": self.address},
        )
        if response.status_code == 200:
            self.tokens = response.json()
        return response

    async def get(self, url: str) -> httpx.Response:
        return await self.client.get(url, headers=self.headers)

    async def post(self, url: str, body: Any = None) -> httpx.Response:
        return await self.client.post(url, json=body, headers=self.headers)


@pytest.fixture(scope="module")
async def stored_password() -> str:
    """Argon2 is slow on purpose: once is enough where a test is not about it."""
    return await hash_password(PASSWORD)


@pytest.fixture
async def person(
    client: httpx.AsyncClient, outbox: Outbox, services: Services, stored_password: str
) -> Person:
    """Somebody with an account, who has signed in."""
    someone = Person(client)
    async with services.database.transaction() as session:
        made = await create_user(session, someone.email, stored_password, residency=["local"])
        await enter_scope(session, Scope(made.user_id))
        started = await start_session(
            session, made.user_id, method="password", lifetime=timedelta(days=30)
        )
    access = services.tokens.issue(started.session_id, made.user_id)
    someone.tokens = {"access_token": access, "refresh_token": started.refresh_token}
    return someone


@contextmanager
def changed_settings(app: FastAPI, section: str, **values: Any) -> Iterator[None]:
    """The application with other settings, for a while."""
    services = app.state.services
    changed = getattr(services.settings, section).model_copy(update=values)
    settings = services.settings.model_copy(update={section: changed})
    app.state.services = dataclasses.replace(services, settings=settings)
    try:
        yield
    finally:
        app.state.services = services


changed_auth = partial(changed_settings, section="auth")


async def verify_link(person: Person, outbox: Outbox) -> str:
    """The token of a link that verifies the person's address."""
    body = {"email": person.email}
    response = await person.client.post("/auth/request-verify-token", json=body)
    assert response.status_code == 202
    return await outbox.token(person.email)


def is_problem(response: httpx.Response, status: int, detail: str) -> None:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["detail"] == detail


# --- register -----------------------------------------------------------------------------


async def test_registering_answers_the_user_with_exactly_its_fields(
    client: httpx.AsyncClient, outbox: Outbox
) -> None:
    someone = Person(client)
    response = await someone.register()
    assert response.status_code == 201
    body = response.json()
    assert body.keys() == USER_FIELDS
    assert body["email"] == someone.email
    assert body["is_active"] is True
    assert datetime.fromisoformat(body["created_at"]).utcoffset() is not None
    UUID(body["id"])


async def test_nobody_makes_themselves_an_admin_at_sign_up(
    client: httpx.AsyncClient, outbox: Outbox
) -> None:
    flags = {"is_superuser": True, "is_admin": True, "is_verified": True, "is_active": False}
    body = (await Person(client).register(**flags)).json()
    assert (body["is_superuser"], body["is_admin"], body["is_verified"]) == (False,) * 3
    assert body["is_active"] is True


async def test_an_address_registers_once_in_whatever_case(person: Person) -> None:
    again = Person(person.client, person.email.upper())
    is_problem(await again.register(), 400, "REGISTER_USER_ALREADY_EXISTS")


@pytest.mark.parametrize(
    "body",
    [
        {"email": "x@example.test"},
        {"password": PASSWORD},
        {"email": "not an address", "password": PASSWORD},
        {"email": "x\u0000@example.test", "password": PASSWORD},
        {"email": "x@example.test", "password": "short"},
        {"email": "x@example.test", "password": "x" * 1025},
        {"email": "x@example.test", "password": "ü" * 513},
        {"email": 7, "password": PASSWORD},
    ],
)
async def test_what_cannot_be_registered_is_422_with_a_list(
    client: httpx.AsyncClient, body: dict[str, Any]
) -> None:
    response = await client.post("/auth/register", json=body)
    assert response.status_code == 422
    assert response.json()["detail"][0]["msg"]
    assert PASSWORD not in response.text


async def test_lone_surrogates_are_422(client: httpx.AsyncClient) -> None:
    good = ("x@example.test", PASSWORD)
    for email, password in ((good[0], r"\ud800 long enough"), (r"\ud800@x.test", good[1])):
        content = f'{{"email": "{email}", "password": "{password}"}}'
        headers = {"Content-Type": "application/json"}
        response = await client.post("/auth/register", content=content, headers=headers)
        assert response.status_code == 422


async def test_a_password_of_1024_bytes_counts_to_its_last_byte(
    client: httpx.AsyncClient, outbox: Outbox
) -> None:
    someone, long = Person(client), "x" * 1024
    assert (await someone.register(password=long)).status_code == 201
    is_problem(await someone.login(long[:-1] + "y"), 400, "LOGIN_BAD_CREDENTIALS")
    assert (await someone.login(long)).status_code == 200


async def test_an_address_makes_so_many_accounts_and_no_more(
    app: FastAPI, client: httpx.AsyncClient
) -> None:
    elsewhere = httpx.ASGITransport(app, client=("203.0.113.7", 1))
    with changed_auth(app, registrations=2):
        async with httpx.AsyncClient(transport=elsewhere, base_url="http://test") as crowd:
            answers = [await Person(crowd).register() for _ in range(3)]
    assert [answer.status_code for answer in answers] == [201, 201, 429]
    assert int(answers[2].headers["retry-after"]) > 0


async def test_signing_in_and_out_is_in_the_audit_log_without_the_address(
    client: httpx.AsyncClient, outbox: Outbox, database_urls: DatabaseUrls
) -> None:
    person = Person(client)
    assert (await person.register()).status_code == 201
    assert (await person.login("not the password")).status_code == 400
    assert (await person.login()).status_code == 200
    assert (await person.post("/auth/logout", {})).status_code == 204
    with psycopg.connect(database_urls.owner) as connection:
        rows = connection.execute(
            "SELECT action, outcome, details::text FROM core.audit a WHERE action LIKE 'sign_in%%'"
            " OR user_id = (SELECT id FROM core.users WHERE email = %s) ORDER BY created_at",
            [person.email],
        ).fetchall()
    assert [(action, outcome) for action, outcome, _ in rows[-4:]] == [
        ("user.registered", "done"),
        ("sign_in.failed", "refused"),
        ("user.signed_in", "done"),
        ("user.signed_out", "done"),
    ]
    assert person.email not in str(rows)


async def test_registration_can_be_closed(app: FastAPI, client: httpx.AsyncClient) -> None:
    with changed_auth(app, registration=False):
        response = await Person(client).register()
    assert response.status_code == 403
    assert "closed" in response.json()["detail"]


# --- login, logout, refresh ---------------------------------------------------------------


async def test_a_sign_in_answers_tokens(person: Person) -> None:
    response = await person.login(username=person.email.upper())
    assert response.status_code == 200
    body = response.json()
    assert body["token_type"] == "bearer"
    assert body["expires_in"] == 15 * 60
    assert response.headers["cache-control"] == "no-store"
    me = await person.get("/auth/me")
    assert me.status_code == 200
    assert me.json().keys() == USER_FIELDS
    assert me.json()["email"] == person.email


@pytest.mark.parametrize("username", ["", "nobody@example.test", "no address", "\x00", "x" * 5000])
async def test_a_wrong_sign_in_never_says_what_was_wrong(person: Person, username: str) -> None:
    response = await person.login("wrong password", username or person.email)
    is_problem(response, 400, "LOGIN_BAD_CREDENTIALS")


async def test_too_many_wrong_sign_ins_are_429_with_retry_after(
    client: httpx.AsyncClient, outbox: Outbox
) -> None:
    owner = Person(client)
    await owner.register()
    for _ in range(10):
        stranger = Person(client, owner.email)
        is_problem(await stranger.login("wrong password"), 400, "LOGIN_BAD_CREDENTIALS")
    response = await owner.login()
    assert response.status_code == 429
    assert 0 < int(response.headers["retry-after"]) <= 15 * 60
    # The way that is always open: a reset by mail.
    await client.post("/auth/forgot-password", json={"email": owner.email})
    reset = {"token": await outbox.token(owner.email), "password": "another password"}
    headers = {"X-Forwarded-For": owner.address}
    response = await client.post("/auth/reset-password", json=reset, headers=headers)
    assert response.status_code == 200
    assert (await owner.login("another password")).status_code == 200


async def test_behind_a_trusted_proxy_each_client_is_counted_for_itself(
    app: FastAPI, client: httpx.AsyncClient
) -> None:
    """Our ingress saw 10.1.2.3, a load balancer, whose word counts if the operator says so."""

    async def attempt(address: str) -> int:
        form = {"username": f"{uuid4().hex}@example.test", "password": "wrong password"}
        headers = {"X-Forwarded-For": f"{address}, 10.1.2.3"}
        return (await client.post("/auth/login", data=form, headers=headers)).status_code

    with changed_auth(app, address_attempts=1):
        assert [await attempt("203.0.113.20"), await attempt("203.0.113.21")] == [400, 429]
        with changed_settings(app, "server", trusted_proxies=(ip_network("10.1.0.0/16"),)):
            assert [await attempt("203.0.113.22"), await attempt("203.0.113.23")] == [400, 400]
            assert await attempt("203.0.113.23") == 429


async def test_logout_ends_the_token_at_once(person: Person) -> None:
    assert (await person.post("/auth/logout")).status_code == 204
    assert (await person.get("/auth/me")).status_code == 401
    refresh = {"refresh_token": person.tokens["refresh_token"]}
    assert (await person.client.post("/auth/refresh", json=refresh)).status_code == 401


async def test_a_deactivated_user_is_out_at_once(
    person: Person, database_urls: DatabaseUrls
) -> None:
    with psycopg.connect(database_urls.owner) as connection:
        query = "UPDATE core.users SET is_active = false WHERE email = %s"
        connection.execute(query, [person.email])
    assert (await person.get("/auth/me")).status_code == 401
    refresh = {"refresh_token": person.tokens["refresh_token"]}
    assert (await person.client.post("/auth/refresh", json=refresh)).status_code == 401
    is_problem(await person.login(), 400, "LOGIN_BAD_CREDENTIALS")


async def test_a_refresh_token_is_exchanged_for_the_next(person: Person) -> None:
    first = person.tokens
    response = await person.client.post(
        "/auth/refresh", json={"refresh_token": first["refresh_token"]}
    )
    assert response.status_code == 200
    person.tokens = response.json()
    assert person.tokens.keys() == {"access_token", "token_type", "refresh_token", "expires_in"}
    assert person.tokens["refresh_token"] != first["refresh_token"]
    assert (await person.get("/auth/me")).status_code == 200


IN_COOKIE = {"X-Session": "cookie"}


async def test_a_browser_keeps_its_session_in_a_cookie_that_no_script_can_read(
    person: Person, client: httpx.AsyncClient
) -> None:
    form = {"username": person.email, "password": PASSWORD}
    response = await client.post("/auth/login", data=form, headers=IN_COOKIE)
    assert response.json()["refresh_token"] is None
    cookie = response.headers["set-cookie"]
    for said in ("baukasten_session=br_", "HttpOnly", "Path=/auth", "SameSite=strict"):
        assert said in cookie
    for _ in range(2):  # pages ask side by side, so it is good again and again
        renewed = await client.post("/auth/refresh", headers=IN_COOKIE)
        assert renewed.status_code == 200
        headers = {"Authorization": f"Bearer {renewed.json()['access_token']}"}
        assert (await client.get("/auth/me", headers=headers)).json()["email"] == person.email
    gone = await client.post("/auth/logout", headers=headers)
    assert 'baukasten_session=""' in gone.headers["set-cookie"]
    client.cookies.set("baukasten_session", cookie.partition("=")[2].partition(";")[0])
    assert (await client.post("/auth/refresh", headers=IN_COOKIE)).status_code == 401
    client.cookies.clear()


async def test_what_another_sites_sign_in_hands_over_becomes_a_cookie(
    person: Person, client: httpx.AsyncClient
) -> None:
    handed_over = {"refresh_token": person.tokens["refresh_token"]}
    response = await client.post("/auth/refresh", json=handed_over, headers=IN_COOKIE)
    assert response.json()["refresh_token"] is None
    assert (await client.post("/auth/refresh", headers=IN_COOKIE)).status_code == 200
    client.cookies.clear()
    # Nobody being signed in is no error to a page that asks.
    assert (await client.post("/auth/refresh", headers=IN_COOKIE)).status_code == 204


async def test_a_refresh_token_used_twice_ends_its_whole_session(person: Person) -> None:
    old = {"refresh_token": person.tokens["refresh_token"]}
    new = (await person.client.post("/auth/refresh", json=old)).json()
    assert (await person.client.post("/auth/refresh", json=old)).status_code == 401
    assert (await person.get("/auth/me")).status_code == 401
    again = {"refresh_token": new["refresh_token"]}
    assert (await person.client.post("/auth/refresh", json=again)).status_code == 401


@pytest.mark.parametrize("token", ["nonsense", "br_", "br_" + "A" * 88, "br_" + "ü" * 88, "\x00"])
async def test_a_made_up_refresh_token_is_401(client: httpx.AsyncClient, token: str) -> None:
    response = await client.post("/auth/refresh", json={"refresh_token": token})
    assert response.status_code == 401


@pytest.mark.parametrize(
    "token",
    [
        "nonsense",
        "a.b.c",
        "bk_nonsense",
        # {"alg": "none"} with a session id
        "eyJhbGciOiJub25lIn0.eyJzaWQiOiI0ZGY0NmI2Mi0wMDAwLTQwMDAtODAwMC0wMDAwMDAwMDAwMDAiLCJl"
        "eHAiOjk5OTk5OTk5OTl9.",
    ],
)
async def test_a_forged_token_is_401(client: httpx.AsyncClient, token: str) -> None:
    response = await client.get("/auth/me", headers={"Authorization": f"Bearer {token}"})
    is_problem(response, 401, "Unauthorized")
    assert response.headers["www-authenticate"] == "Bearer"


# --- mailed links -------------------------------------------------------------------------


async def test_a_forgotten_password_is_reset_by_a_link_that_works_once(
    person: Person, outbox: Outbox
) -> None:
    response = await person.client.post("/auth/forgot-password", json={"email": person.email})
    assert response.status_code == 202
    body = {"token": await outbox.token(person.email), "password": "a new password"}
    assert (await person.client.post("/auth/reset-password", json=body)).status_code == 200
    assert (await person.get("/auth/me")).status_code == 401
    is_problem(await person.login(), 400, "LOGIN_BAD_CREDENTIALS")
    assert (await person.login("a new password")).status_code == 200
    again = await person.client.post("/auth/reset-password", json=body)
    is_problem(again, 400, "RESET_PASSWORD_BAD_TOKEN")


async def test_a_reset_that_sets_no_good_password_keeps_the_link(
    person: Person, outbox: Outbox
) -> None:
    await person.client.post("/auth/forgot-password", json={"email": person.email})
    body = {"token": await outbox.token(person.email), "password": "short"}
    assert (await person.client.post("/auth/reset-password", json=body)).status_code == 422
    body["password"] = "long enough now"
    assert (await person.client.post("/auth/reset-password", json=body)).status_code == 200


async def test_a_token_that_is_none_costs_no_hash(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object, **__: object) -> str:
        raise AssertionError("hashed for a stranger")

    monkeypatch.setattr(Argon2Hasher, "hash", never)
    body = {"token": "made up", "password": PASSWORD}
    response = await client.post("/auth/reset-password", json=body)
    is_problem(response, 400, "RESET_PASSWORD_BAD_TOKEN")


async def test_an_address_tries_so_many_reset_tokens_and_no_more(
    app: FastAPI, person: Person, outbox: Outbox
) -> None:
    await person.client.post("/auth/forgot-password", json={"email": person.email})
    good = {"token": await outbox.token(person.email), "password": "a new password"}
    bad = {**good, "token": "made up"}
    with changed_auth(app, address_attempts=2):
        answers = [
            await person.client.post(
                "/auth/reset-password", json=body, headers={"X-Forwarded-For": address}
            )
            for body, address in [(bad, "203.0.113.8")] * 3 + [(good, "203.0.113.9")]
        ]
    assert [answer.status_code for answer in answers] == [400, 400, 429, 200]
    assert int(answers[2].headers["retry-after"]) > 0


@pytest.mark.parametrize("path", ["/auth/forgot-password", "/auth/request-verify-token"])
async def test_an_unknown_address_is_202_too_and_gets_no_mail(
    client: httpx.AsyncClient, outbox: Outbox, path: str
) -> None:
    before = len(await outbox.sent())
    response = await client.post(path, json={"email": f"{uuid4().hex}@example.test"})
    assert response.status_code == 202
    assert len(await outbox.sent()) == before


async def test_a_mail_server_that_is_down_does_not_show_and_loses_no_mail(
    person: Person, outbox: Outbox
) -> None:
    outbox.mailer.fail = True
    response = await person.client.post("/auth/forgot-password", json={"email": person.email})
    assert response.status_code == 202
    assert not await outbox.sent()
    outbox.mailer.fail = False
    async with asyncio.timeout(20):
        while not await outbox.sent():  # noqa: ASYNC110 (its turn comes after a second)
            await asyncio.sleep(0.2)
    body = {"token": await outbox.token(person.email), "password": "a new password"}
    assert (await person.client.post("/auth/reset-password", json=body)).status_code == 200


async def test_a_mail_waits_in_the_queue_as_ids_alone(
    person: Person, outbox: Outbox, database_urls: DatabaseUrls
) -> None:
    unknown = f"{uuid4().hex}@example.test"
    for email in (person.email, unknown):
        await person.client.post("/auth/forgot-password", json={"email": email})
    with psycopg.connect(database_urls.owner) as connection:
        rows = connection.execute(
            "SELECT args::text FROM jobs.procrastinate_jobs WHERE task_name = 'core.mail_reset'"
            " AND status = 'todo'"
        ).fetchall()
    assert len(rows) == 2, "an unknown address must cost the same work"
    assert "@" not in str(rows)
    assert [mail.to for mail in await outbox.sent()] == [person.email]


async def test_an_address_is_verified_by_a_link_that_works_once(
    person: Person, outbox: Outbox
) -> None:
    second = await verify_link(person, outbox)
    third = await verify_link(person, outbox)
    response = await person.client.post("/auth/verify", json={"token": second})
    assert response.status_code == 200
    assert response.json().keys() == USER_FIELDS
    assert response.json()["is_verified"] is True
    again = await person.client.post("/auth/verify", json={"token": second})
    is_problem(again, 400, "VERIFY_USER_BAD_TOKEN")
    other = await person.client.post("/auth/verify", json={"token": third})
    is_problem(other, 400, "VERIFY_USER_ALREADY_VERIFIED")


async def test_a_verified_address_gets_no_more_links(person: Person, outbox: Outbox) -> None:
    token = await verify_link(person, outbox)
    assert (await person.client.post("/auth/verify", json={"token": token})).status_code == 200
    before = len(await outbox.sent())
    await person.client.post("/auth/request-verify-token", json={"email": person.email})
    assert len(await outbox.sent()) == before


async def test_nobody_is_flooded_with_mail(person: Person, outbox: Outbox) -> None:
    before = len(await outbox.sent())
    for _ in range(8):
        await person.client.post("/auth/forgot-password", json={"email": person.email})
    assert len(await outbox.sent()) - before == 5


@pytest.mark.parametrize(
    ("language", "word"), [("de", "bestätigen"), ("es", "confirme"), ("en", "confirm")]
)
async def test_mails_speak_the_language_of_the_sign_up(
    client: httpx.AsyncClient, outbox: Outbox, language: str, word: str
) -> None:
    someone = Person(client)
    await someone.register(headers={"Accept-Language": f"{language};q=0.9, fr"})
    assert word in (await outbox.last(someone.email)).text.lower()


async def test_a_reset_of_a_never_verified_account_ends_keys_that_others_may_hold(
    person: Person, outbox: Outbox
) -> None:
    key = (await person.post("/auth/api-keys", {"name": "k"})).json()["key"]
    await person.client.post("/auth/forgot-password", json={"email": person.email})
    body = {"token": await outbox.token(person.email), "password": "the owner's password"}
    await person.client.post("/auth/reset-password", json=body)
    headers = {"Authorization": f"Bearer {key}"}
    assert (await person.client.get("/auth/me", headers=headers)).status_code == 401


# --- sessions -----------------------------------------------------------------------------


async def test_sessions_are_listed_and_ended_one_by_one(person: Person) -> None:
    first = dict(person.tokens)
    await person.login()
    rows = (await person.get("/auth/sessions")).json()
    assert len(rows) == 2
    assert [row["current"] for row in rows].count(True) == 1
    other = next(row["id"] for row in rows if not row["current"])
    url = f"/auth/sessions/{other}"
    assert (await person.client.delete(url, headers=person.headers)).status_code == 204
    headers = {"Authorization": f"Bearer {first['access_token']}"}
    assert (await person.client.get("/auth/me", headers=headers)).status_code == 401
    assert (await person.client.delete(url, headers=person.headers)).status_code == 404


async def test_all_sessions_are_ended_together(person: Person) -> None:
    response = await person.client.delete("/auth/sessions", headers=person.headers)
    assert response.status_code == 204
    assert (await person.get("/auth/me")).status_code == 401


async def test_nobody_sees_or_ends_somebody_elses_session(person: Person, user: SignedIn) -> None:
    mine = (await person.get("/auth/sessions")).json()[0]["id"]
    url = f"/auth/sessions/{mine}"
    assert (await person.client.delete(url, headers=user.headers)).status_code == 404
    listed = (await person.client.get("/auth/sessions", headers=user.headers)).json()
    assert mine not in [row["id"] for row in listed]


# --- API keys -----------------------------------------------------------------------------


async def make_key(person: Person, **fields: Any) -> dict[str, Any]:
    response = await person.post("/auth/api-keys", {"name": "a program", **fields})
    assert response.status_code == 201, response.text
    body: dict[str, Any] = response.json()
    return body


def key_headers(made: dict[str, Any]) -> dict[str, str]:
    return {"Authorization": f"Bearer {made['key']}"}


async def test_a_key_is_shown_once_and_stored_as_a_hash(
    person: Person, database_urls: DatabaseUrls
) -> None:
    made = await make_key(person)
    assert made["key"].startswith("bk_")
    listed = (await person.get("/auth/api-keys")).json()
    assert [row["id"] for row in listed] == [made["id"]]
    assert "key" not in listed[0]
    with psycopg.connect(database_urls.owner) as connection:
        query = "SELECT k::text FROM core.api_keys k WHERE id = %s"
        row = connection.execute(query, [made["id"]]).fetchone()
    assert row is not None
    assert made["key"] not in row[0]
    assert (await person.client.get("/auth/me", headers=key_headers(made))).status_code == 200
    listed = (await person.get("/auth/api-keys")).json()
    assert listed[0]["used_at"] is not None


async def test_a_key_does_what_its_scopes_say_and_no_more(person: Person) -> None:
    client, project = person.client, {"name": "p", "type": "other"}
    reader = key_headers(await make_key(person, scopes=["read"]))
    assert (await client.get("/projects", headers=reader)).status_code == 200
    response = await client.post("/projects", json=project, headers=reader)
    assert response.status_code == 403
    assert "`write`" in response.json()["detail"]
    writer = key_headers(await make_key(person, scopes=["write"]))
    assert (await client.post("/projects", json=project, headers=writer)).status_code == 201
    assert (await client.get("/projects", headers=writer)).status_code == 403


async def test_without_the_provider_there_are_no_keys(app: FastAPI, person: Person) -> None:
    headers = key_headers(await make_key(person))
    services = app.state.services
    others = tuple(provider for provider in services.auth if provider.name != "api_key")
    app.state.services = dataclasses.replace(services, auth=others)
    try:
        response = await person.client.get("/auth/me", headers=headers)
    finally:
        app.state.services = services
    assert response.status_code == 401


async def test_a_plugins_provider_may_take_bearer_tokens_of_its_own(
    app: FastAPI, person: Person
) -> None:
    user_id = UUID((await person.get("/auth/me")).json()["id"])

    class Badge:
        name = "badge"

        async def authenticate(
            self, credentials: Credentials, database: Transactions
        ) -> Identity | None:
            if credentials != BearerCredentials("badge 7"):
                return None
            return Identity(user_id, scopes=frozenset({"read"}))

    services = app.state.services
    app.state.services = dataclasses.replace(services, auth=(*services.auth, Badge()))
    try:
        good, bad = [
            await person.client.get("/auth/me", headers={"Authorization": f"Bearer badge {n}"})
            for n in (7, 8)
        ]
        headers = {"Authorization": "Bearer badge 7"}
        refused = await person.client.post("/projects", json={"name": "p"}, headers=headers)
    finally:
        app.state.services = services
    assert (good.status_code, bad.status_code, refused.status_code) == (200, 401, 403)


async def test_no_key_changes_accounts(person: Person) -> None:
    headers = key_headers(await make_key(person, scopes=["read", "write", "llm", "admin"]))
    for method, url, body in (
        ("POST", "/auth/api-keys", {"name": "more"}),
        ("POST", "/auth/logout", None),
        ("DELETE", "/auth/sessions", None),
        ("PATCH", "/users/me", {"password": "another password"}),
        ("POST", "/tenants", {"name": "t"}),
    ):
        response = await person.client.request(method, url, json=body, headers=headers)
        assert response.status_code == 403, url


async def test_a_key_makes_nobody_an_admin(person: Person, database_urls: DatabaseUrls) -> None:
    with_scope = key_headers(await make_key(person, scopes=["admin"]))
    without = key_headers(await make_key(person))
    get = person.client.get
    is_problem(await get("/admin/users", headers=with_scope), 403, "Admin privileges required")
    with psycopg.connect(database_urls.owner) as connection:
        query = "UPDATE core.users SET is_admin = true WHERE email = %s"
        connection.execute(query, [person.email])
    assert (await get("/admin/users", headers=with_scope)).status_code == 200
    assert (await get("/admin/users", headers=without)).status_code == 403


async def test_a_key_ends_when_it_expires_or_is_deleted(
    person: Person, database_urls: DatabaseUrls
) -> None:
    soon = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    expiring, deleted = await make_key(person, expires_at=soon), await make_key(person)
    assert (await person.client.get("/auth/me", headers=key_headers(expiring))).status_code == 200
    with psycopg.connect(database_urls.owner) as connection:
        query = "UPDATE core.api_keys SET expires_at = now() WHERE id = %s"
        connection.execute(query, [expiring["id"]])
    url = f"/auth/api-keys/{deleted['id']}"
    assert (await person.client.delete(url, headers=person.headers)).status_code == 204
    assert (await person.client.delete(url, headers=person.headers)).status_code == 404
    for made in (expiring, deleted):
        response = await person.client.get("/auth/me", headers=key_headers(made))
        assert response.status_code == 401


async def test_a_key_that_cannot_be_is_refused(person: Person, user: SignedIn) -> None:
    past = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    for fields, status in (
        ({"scopes": ["everything"]}, 422),
        ({"scopes": []}, 422),
        ({"name": ""}, 422),
        ({"name": "a\u0000b"}, 422),
        ({"expires_at": past}, 422),
        ({"expires_at": "2030-01-01T00:00:00"}, 422),
        ({"expires_at": "0001-01-01T00:00:00+14:00"}, 422),
        ({"expires_at": "9999-12-31T23:59:59-12:00"}, 422),
        ({"expires_at": (datetime.now(UTC) + timedelta(days=3654)).isoformat()}, 422),
        ({"project_id": str(uuid4())}, 404),
    ):
        response = await person.post("/auth/api-keys", {"name": "k", **fields})
        assert response.status_code == status, fields


async def test_a_key_belongs_to_the_tenant_it_was_made_in(person: Person) -> None:
    team = (await person.post("/tenants", {"name": "team"})).json()["id"]
    headers = key_headers(await make_key(person))
    response = await person.client.get("/projects", headers={**headers, "X-Tenant": team})
    assert response.status_code == 403


# --- users --------------------------------------------------------------------------------


async def test_my_profile_changes_and_my_role_does_not(person: Person, outbox: Outbox) -> None:
    me = (await person.get("/users/me")).json()
    assert me.keys() == USER_FIELDS | {"language"}
    token = await verify_link(person, outbox)
    await person.client.post("/auth/verify", json={"token": token})
    new = f"{uuid4().hex}@example.test"
    change = {"email": new, "language": "de", "is_admin": True, "is_superuser": True}
    response = await person.client.patch("/users/me", json=change, headers=person.headers)
    assert response.status_code == 200
    body = response.json()
    assert (body["email"], body["language"]) == (new, "de")
    assert (body["is_admin"], body["is_superuser"], body["is_verified"]) == (False, False, False)
    assert "bestätigen" in (await outbox.last(new)).text


async def test_an_address_that_is_taken_is_refused(person: Person, user: SignedIn) -> None:
    change = {"email": user.principal.email.upper()}
    response = await person.client.patch("/users/me", json=change, headers=person.headers)
    is_problem(response, 400, "UPDATE_USER_EMAIL_ALREADY_EXISTS")


async def test_a_new_password_ends_all_other_sessions(person: Person) -> None:
    other = dict(person.tokens)
    await person.login()
    change = {"password": "quite another password"}
    response = await person.client.patch("/users/me", json=change, headers=person.headers)
    assert response.status_code == 200
    assert (await person.get("/auth/me")).status_code == 200
    headers = {"Authorization": f"Bearer {other['access_token']}"}
    assert (await person.client.get("/auth/me", headers=headers)).status_code == 401
    is_problem(await person.login(), 400, "LOGIN_BAD_CREDENTIALS")
    assert (await person.login("quite another password")).status_code == 200


@pytest.mark.parametrize("who", ["the user", "an admin"])
async def test_a_new_address_makes_old_links_void(
    person: Person, admin: SignedIn, outbox: Outbox, who: str
) -> None:
    me = (await person.get("/auth/me")).json()["id"]
    await person.client.post("/auth/forgot-password", json={"email": person.email})
    old = await outbox.token(person.email)
    change = {"email": f"{uuid4().hex}@example.test"}
    if who == "an admin":
        changed = await person.client.patch(f"/users/{me}", json=change, headers=admin.headers)
    else:
        changed = await person.client.patch("/users/me", json=change, headers=person.headers)
    assert changed.status_code == 200
    body = {"token": old, "password": "stolen by the old mailbox"}
    response = await person.client.post("/auth/reset-password", json=body)
    is_problem(response, 400, "RESET_PASSWORD_BAD_TOKEN")


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
async def test_other_users_are_for_admins(person: Person, user: SignedIn, method: str) -> None:
    url = f"/users/{user.id}"
    body = {"is_active": False} if method == "PATCH" else None
    response = await person.client.request(method, url, json=body, headers=person.headers)
    is_problem(response, 403, "Admin privileges required")
    assert (await person.client.request(method, url, json=body)).status_code == 401


# --- keys for one project -----------------------------------------------------------------


async def test_a_key_for_one_project_reaches_nothing_else(person: Person) -> None:
    client = person.client
    mine, other = [
        (await person.post("/projects", {"name": name, "type": "other"})).json()["id"]
        for name in ("mine", "other")
    ]
    headers = key_headers(await make_key(person, project_id=mine, scopes=["read", "write"]))
    listed = (await client.get("/projects", headers=headers)).json()
    assert [row["id"] for row in listed] == [mine]
    change = {"description": "changed"}
    response = await client.patch(f"/projects/{mine}", json=change, headers=headers)
    assert response.status_code == 200
    for method, body in (("GET", None), ("PATCH", change), ("DELETE", None)):
        response = await client.request(method, f"/projects/{other}", json=body, headers=headers)
        assert response.status_code == 404
    new = {"name": "new", "type": "other"}
    assert (await client.post("/projects", json=new, headers=headers)).status_code == 403
    assert len((await person.get("/projects")).json()) == 2


async def test_a_key_for_one_project_reaches_no_other_row_whatever_a_route_forgets(
    person: Person, services: Services
) -> None:
    mine, other = [
        (await person.post("/projects", {"name": name, "type": "other"})).json()["id"]
        for name in ("mine", "other")
    ]
    key = (await make_key(person, project_id=mine))["key"]
    async with services.database.transaction() as session:
        principal = await open_api_key(session, key, None)
        assert await session.scalar(text("SELECT count(*) FROM core.projects")) == 1
    async with services.database.transaction(principal.scope) as session:
        assert await session.scalar(text("SELECT count(*) FROM core.projects")) == 1
        query = text("SELECT 1 FROM core.projects WHERE id = :id")
        assert await session.scalar(query, {"id": other}) is None
    # The next transaction on the same connection is bound to nothing of it.
    async with services.database.transaction(
        Scope(principal.user_id, principal.tenant_id)
    ) as session:
        assert await session.scalar(text("SELECT count(*) FROM core.projects")) == 2
