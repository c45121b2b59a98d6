"""The contract's table "Auth", row by row."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import httpx
import pytest
from baukasten_serve.testing import Platform

from baukasten_core.testing.inbox import Inbox
from baukasten_core.testing.people import PASSWORD, Person

pytestmark = pytest.mark.deployment

USER = {"id", "email", "is_active", "is_superuser", "is_verified", "is_admin", "created_at"}
NEXT = "another password of nobody"

Problem = Callable[..., dict]
Newcomer = Callable[..., Person]


@pytest.fixture
def somebody(platform: Platform) -> Person:
    """An address that has no account yet."""
    return Person.stranger(platform.url)


# --- register -----------------------------------------------------------------------------------


def test_register_answers_201_with_the_user_exactly(somebody: Person) -> None:
    body = {"email": somebody.email, "password": PASSWORD}
    user = somebody.post("/auth/register", body, 201).json()
    assert set(user) == USER
    UUID(user["id"])
    assert user["email"] == somebody.email
    assert user["is_active"]
    assert not (user["is_superuser"])
    assert not (user["is_admin"])
    assert not (user["is_verified"])


def test_register_again_is_400_register_user_already_exists(
    somebody: Person, problem: Problem
) -> None:
    body = {"email": somebody.email, "password": PASSWORD}
    somebody.post("/auth/register", body, 201)
    for email in (somebody.email, somebody.email.upper()):
        again = somebody.post("/auth/register", {"email": email, "password": NEXT}, None)
        assert problem(again, 400, "REGISTER_USER_ALREADY_EXISTS")["hint"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"email": "a@example.test"},
        {"password": PASSWORD},
        {"email": "nonsense", "password": PASSWORD},
        {"email": "a@example.test", "password": "short"},
    ],
)
def test_register_without_an_address_or_a_password_is_422(somebody: Person, body: dict) -> None:
    somebody.post("/auth/register", body, 422)


# --- login --------------------------------------------------------------------------------------


def test_login_answers_tokens_and_who_they_are_for(newcomer: Newcomer) -> None:
    person = newcomer()
    assert set(person.tokens) == {"access_token", "token_type", "refresh_token", "expires_in"}
    assert person.tokens["token_type"] == "bearer"
    assert person.tokens["expires_in"] > 0
    assert person.get("/auth/me").json()["email"] == person.email


@pytest.mark.parametrize("known", [True, False])
def test_login_with_a_wrong_password_or_address_is_400_login_bad_credentials(
    newcomer: Newcomer, somebody: Person, problem: Problem, *, known: bool
) -> None:
    email = newcomer().email if known else somebody.email
    form = {"username": email, "password": "wrong " + PASSWORD}
    answer = somebody.call("POST", "/auth/login", None, data=form)
    assert problem(answer, 400, "LOGIN_BAD_CREDENTIALS")["hint"]


def test_login_takes_a_form_with_both_fields(somebody: Person) -> None:
    somebody.call("POST", "/auth/login", 422, data={"username": somebody.email})
    somebody.call("POST", "/auth/login", 422, json={"username": "a", "password": "b"})


def test_sign_in_attempts_are_limited_and_say_when_to_come_back(
    newcomer: Newcomer, platform: Platform, problem: Problem
) -> None:
    owner, stranger = newcomer(), Person.stranger(platform.url)
    form = {"username": owner.email, "password": "wrong"}
    statuses = [
        stranger.call("POST", "/auth/login", None, data=form).status_code for _ in range(11)
    ]
    assert statuses == [400] * 10 + [429]
    limited = stranger.call("POST", "/auth/login", None, data=form)
    problem(limited, 429)
    assert int(limited.headers["retry-after"]) > 0
    owner.sign_in()  # strangers who keep trying don't lock the owner out


# --- logout, me ---------------------------------------------------------------------------------


def test_logout_answers_204_and_the_token_stops_working_at_once(
    newcomer: Newcomer, problem: Problem
) -> None:
    person = newcomer()
    assert person.post("/auth/logout", status=204).content == b""
    problem(person.get("/auth/me", None), 401, "Unauthorized")
    refresh = {"refresh_token": person.tokens["refresh_token"]}
    problem(person.post("/auth/refresh", refresh, None), 401)


def test_me_is_the_user_exactly(ada: Person) -> None:
    me = ada.get("/auth/me").json()
    assert set(me) == USER
    assert me["email"] == ada.email


# --- mailed links -------------------------------------------------------------------------------


def test_forgot_password_mails_a_link_that_works_once(
    newcomer: Newcomer, inbox: Inbox, problem: Problem
) -> None:
    person = newcomer()
    inbox.wait_for(person.email)  # that one verifies the address
    person.post("/auth/forgot-password", {"email": person.email}, 202)
    token = inbox.token(person.email, 2)
    person.post("/auth/reset-password", {"token": token, "password": NEXT})
    problem(person.get("/auth/me", None), 401)  # every session has ended
    again = person.post("/auth/reset-password", {"token": token, "password": PASSWORD}, None)
    assert problem(again, 400, "RESET_PASSWORD_BAD_TOKEN")["hint"]
    person.password = NEXT
    person.sign_in()


def test_forgot_password_tells_nobody_whether_there_is_an_account(
    somebody: Person, ada: Person, inbox: Inbox
) -> None:
    unknown = somebody.post("/auth/forgot-password", {"email": somebody.email}, 202)
    known = somebody.post("/auth/forgot-password", {"email": ada.email}, 202)
    assert unknown.content == known.content
    inbox.wait_for(ada.email, 2)
    assert inbox.to(somebody.email) == []


def test_a_reset_token_that_is_none_is_400_reset_password_bad_token(
    somebody: Person, problem: Problem
) -> None:
    body = {"token": "nonsense", "password": NEXT}
    problem(somebody.post("/auth/reset-password", body, None), 400, "RESET_PASSWORD_BAD_TOKEN")


def test_a_link_of_one_purpose_is_not_good_for_the_other(
    newcomer: Newcomer, inbox: Inbox, problem: Problem
) -> None:
    person = newcomer()
    body = {"token": inbox.token(person.email), "password": NEXT}
    problem(person.post("/auth/reset-password", body, None), 400, "RESET_PASSWORD_BAD_TOKEN")


def test_verify_answers_the_user_and_then_that_it_is_done(
    newcomer: Newcomer, inbox: Inbox, problem: Problem
) -> None:
    person = newcomer()
    first = inbox.token(person.email)
    person.post("/auth/request-verify-token", {"email": person.email}, 202)
    second = inbox.token(person.email, 2)
    user = person.post("/auth/verify", {"token": first}).json()
    assert set(user) == USER
    assert user["is_verified"]
    done = person.post("/auth/verify", {"token": second}, None)
    assert problem(done, 400, "VERIFY_USER_ALREADY_VERIFIED")["hint"]


def test_a_verify_token_that_is_none_is_400_verify_user_bad_token(
    somebody: Person, problem: Problem
) -> None:
    answer = somebody.post("/auth/verify", {"token": "nonsense"}, None)
    problem(answer, 400, "VERIFY_USER_BAD_TOKEN")


def test_request_verify_token_is_202_for_an_unknown_address(somebody: Person) -> None:
    somebody.post("/auth/request-verify-token", {"email": somebody.email}, 202)


@pytest.mark.parametrize(
    ("language", "word"), [("de", "Adresse"), ("en", "address"), ("es", "dirección")]
)
def test_mails_are_in_the_language_of_the_person(
    platform: Platform, inbox: Inbox, language: str, word: str
) -> None:
    person = Person.stranger(platform.url)
    person.http.headers["Accept-Language"] = language
    person.post("/auth/register", {"email": person.email, "password": PASSWORD}, 201)
    mail = inbox.wait_for(person.email)
    assert word in mail.get_content()
    assert platform.url in mail.get_content()


# --- refresh ------------------------------------------------------------------------------------


def test_refresh_answers_as_login_and_the_old_one_dies(newcomer: Newcomer) -> None:
    person = newcomer()
    old = person.tokens["refresh_token"]
    fresh = person.post("/auth/refresh", {"refresh_token": old}).json()
    assert set(fresh) == set(person.tokens)
    assert fresh["refresh_token"] != old
    person.use(fresh)


def test_a_refresh_token_used_twice_ends_its_whole_session(
    newcomer: Newcomer, problem: Problem
) -> None:
    person = newcomer()
    old = {"refresh_token": person.tokens["refresh_token"]}
    person.use(person.post("/auth/refresh", old).json())
    problem(person.post("/auth/refresh", old, None), 401)
    problem(person.get("/auth/me", None), 401)
    stolen = {"refresh_token": person.tokens["refresh_token"]}
    problem(person.post("/auth/refresh", stolen, None), 401)


# --- OpenID Connect (the whole flow against a certified provider: tests/integration/test_oidc) ----


def test_an_oidc_site_that_is_not_configured_is_404(
    anybody: httpx.Client, problem: Problem
) -> None:
    problem(anybody.get("/auth/oidc/nobody/login"), 404)
    problem(anybody.get("/auth/oidc/nobody/callback?code=a&state=b"), 404)


# --- sessions -----------------------------------------------------------------------------------


def test_sessions_are_listed_and_one_is_ended(
    newcomer: Newcomer, platform: Platform, problem: Problem
) -> None:
    person = newcomer()
    other = Person.known(platform.url, person.email, person.password)
    listed = person.get("/auth/sessions").json()
    assert len(listed) == 2
    (elsewhere,) = [row for row in listed if not row["current"]]
    person.delete(f"/auth/sessions/{elsewhere['id']}")
    problem(other.get("/auth/me", None), 401)
    person.get("/auth/me")
    problem(person.delete(f"/auth/sessions/{uuid4()}", None), 404)


def test_all_sessions_are_ended(newcomer: Newcomer, platform: Platform, problem: Problem) -> None:
    person = newcomer()
    other = Person.known(platform.url, person.email, person.password)
    person.delete("/auth/sessions")
    for who in (person, other):
        problem(who.get("/auth/me", None), 401)


def test_nobody_sees_or_ends_the_session_of_another(
    ada: Person, bob: Person, problem: Problem
) -> None:
    (mine,) = ada.get("/auth/sessions").json()
    problem(bob.delete(f"/auth/sessions/{mine['id']}", None), 404)
    ada.get("/auth/me")


# --- API keys -----------------------------------------------------------------------------------


def with_key(platform: Platform, key: str) -> httpx.Client:
    headers = {"Authorization": f"Bearer {key}"}
    return httpx.Client(base_url=platform.url, headers=headers, timeout=60)


def test_an_api_key_is_shown_once_works_and_stops_when_it_is_deleted(
    ada: Person, platform: Platform, problem: Problem
) -> None:
    made = ada.post("/auth/api-keys", {"name": "A key"}, 201).json()
    listed = {row["id"]: row for row in ada.get("/auth/api-keys").json()}
    assert "key" not in listed[made["id"]]
    assert made["key"] not in str(listed)
    with with_key(platform, made["key"]) as client:
        assert client.get("/auth/me").json()["id"] == ada.id
        ada.delete(f"/auth/api-keys/{made['id']}")
        problem(client.get("/auth/me"), 401)


def test_an_api_key_does_what_its_scopes_say(
    ada: Person, platform: Platform, problem: Problem
) -> None:
    key = ada.post("/auth/api-keys", {"name": "Reader", "scopes": ["read"]}, 201).json()["key"]
    with with_key(platform, key) as client:
        assert client.get("/projects").status_code == 200
        problem(client.post("/projects", json={"name": "p", "type": "other"}), 403)
        problem(client.get("/admin/stats"), 403)
        problem(client.delete("/users/me"), 403)
    ada.get("/auth/me")


def test_an_api_key_of_a_project_stays_in_it(
    ada: Person, platform: Platform, problem: Problem
) -> None:
    inside, outside = ada.project(), ada.project()
    body = {"name": "One project", "project_id": inside}
    key = ada.post("/auth/api-keys", body, 201).json()["key"]
    with with_key(platform, key) as client:
        assert client.get(f"/projects/{inside}").status_code == 200
        assert [row["id"] for row in client.get("/projects").json()] == [inside]
        problem(client.post("/projects", json={"name": "p", "type": "other"}), 403)
        for method in ("GET", "PATCH", "DELETE"):
            body = {} if method == "PATCH" else None
            problem(client.request(method, f"/projects/{outside.upper()}", json=body), 404)
        problem(client.get(f"/privategpt/projects/{outside}/conversations"), 404)
        body = {"date": "1962-03-03", "text": "An entry elsewhere."}
        life = ada.project("tellmelife")
        entry = ada.post(f"/tellmelife/projects/{life}/entries", body, 201).json()
        problem(client.get(f"/tellmelife/entries/{entry['id']}"), 404)
        text = {"content": "Through a key.", "project_id": outside}
        problem(client.post("/documents/text", json=text), 404)


def test_an_api_key_that_has_expired_is_401(
    ada: Person, platform: Platform, problem: Problem
) -> None:
    past = (datetime.now(UTC) - timedelta(minutes=1)).isoformat()
    answer = ada.post("/auth/api-keys", {"name": "Late", "expires_at": past}, None)
    if answer.status_code == 201:
        with with_key(platform, answer.json()["key"]) as client:
            problem(client.get("/auth/me"), 401)
    else:
        problem(answer, 422)


def test_a_key_for_another_users_project_is_404(ada: Person, bob: Person, problem: Problem) -> None:
    body = {"name": "Not mine", "project_id": bob.project()}
    problem(ada.post("/auth/api-keys", body, None), 404)
