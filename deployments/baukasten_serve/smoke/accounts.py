"""Accounts: sign-up, sign-in, mailed links, sessions, keys, profile; and the end of them."""

from __future__ import annotations

import secrets
import zipfile
from io import BytesIO
from uuid import uuid4

from baukasten_serve.smoke.session import Session, bearer


def register(session: Session) -> None:
    """POST /auth/register, and again."""
    body = {"email": session.email, "password": session.password, "is_admin": True}
    user = session.json("POST", "/auth/register", 201, json=body)
    session.check(not user["is_admin"])
    again = session.json("POST", "/auth/register", 400, json=body)
    session.check(again["detail"] == "REGISTER_USER_ALREADY_EXISTS")


def login(session: Session) -> None:
    """POST /auth/login, wrong and right."""
    form = {"username": session.email, "password": "wrong"}
    refused = session.json("POST", "/auth/login", 400, data=form)
    session.check(refused["detail"] == "LOGIN_BAD_CREDENTIALS")
    session.client.headers.update(bearer(session.sign_in()))


def profile(session: Session) -> None:
    """GET /auth/me, GET and PATCH /users/me."""
    session.check(session.json("GET", "/auth/me")["email"] == session.email.lower())
    language = session.json("GET", "/users/me")["language"]
    session.json("PATCH", "/users/me", json={"language": language})
    session.check(session.json("GET", "/users/me")["language"] == language)


def refresh(session: Session) -> None:
    """POST /auth/refresh: the old token dies, and shown again ends its session."""
    form = {"username": session.email, "password": session.password}
    old = session.json("POST", "/auth/login", data=form)["refresh_token"]
    fresh = session.json("POST", "/auth/refresh", json={"refresh_token": old})
    session.call("GET", "/auth/me", headers=bearer(fresh["access_token"]))
    session.call("POST", "/auth/refresh", 401, json={"refresh_token": old})
    session.call("GET", "/auth/me", 401, headers=bearer(fresh["access_token"]))


def mailed_links(session: Session) -> None:
    """POST /auth/forgot-password, reset-password, request-verify-token and verify."""
    nobody = {"email": f"nobody-{secrets.token_hex(6)}@example.com"}
    session.call("POST", "/auth/forgot-password", 202, json=nobody)
    session.call("POST", "/auth/request-verify-token", 202, json=nobody)
    body = {"token": "nonsense", "password": session.password}
    for path, literal in (
        ("/auth/reset-password", "RESET_PASSWORD_BAD_TOKEN"),
        ("/auth/verify", "VERIFY_USER_BAD_TOKEN"),
    ):
        session.check(session.json("POST", path, 400, json=body)["detail"] == literal)


def other_sites(session: Session) -> None:
    """GET /auth/oidc; login and callback of a site that is not configured."""
    session.json("GET", "/auth/oidc")
    session.call("GET", "/auth/oidc/nobody/login", 404)
    session.call("GET", "/auth/oidc/nobody/callback?code=a&state=b", 404)


def sessions(session: Session) -> None:
    """GET /auth/sessions and DELETE /auth/sessions/{id}."""
    token = session.sign_in()
    rows = session.json("GET", "/auth/sessions", headers=bearer(token))
    (current,) = [row["id"] for row in rows if row["current"]]
    session.call("DELETE", f"/auth/sessions/{current}", 204)
    session.call("GET", "/auth/me", 401, headers=bearer(token))
    session.call("GET", "/auth/me")


def logout(session: Session) -> None:
    """POST /auth/logout; the token is dead."""
    token = session.sign_in()
    session.call("POST", "/auth/logout", 204, headers=bearer(token))
    session.call("GET", "/auth/me", 401, headers=bearer(token))


def api_keys(session: Session) -> None:
    """POST, GET and DELETE /auth/api-keys."""
    body = {"name": "Smoke", "scopes": ["read"]}
    made = session.json("POST", "/auth/api-keys", 201, json=body)
    path = f"/auth/api-keys/{made['id']}"
    try:
        rows = session.json("GET", "/auth/api-keys")
        session.check([row for row in rows if row["id"] == made["id"] and "key" not in row])
        session.call("GET", "/projects", headers=bearer(made["key"]))
        session.call("DELETE", "/users/me", 403, headers=bearer(made["key"]))
    finally:
        session.call("DELETE", path, 204)
    session.call("GET", "/projects", 401, headers=bearer(made["key"]))


def other_people(session: Session) -> None:
    """GET, PATCH and DELETE /users/{id}: admins alone."""
    path = f"/users/{uuid4()}"
    for method, body in (("GET", None), ("PATCH", {}), ("DELETE", None)):
        session.call(method, path, (403, 404), json=body)


STEPS = (
    *(profile, refresh, mailed_links, other_sites),
    *(sessions, logout, api_keys, other_people),
)


# --- the end ------------------------------------------------------------------------------


def export(session: Session) -> None:
    """GET /users/me/export: a ZIP."""
    answer = session.call("GET", "/users/me/export")
    session.check(zipfile.is_zipfile(BytesIO(answer.content)))


def everywhere(session: Session) -> None:
    """DELETE /auth/sessions ends every session."""
    session.call("DELETE", "/auth/sessions", 204)
    session.call("GET", "/auth/me", 401)
    session.client.headers.update(bearer(session.sign_in()))


def delete_me(session: Session) -> None:
    """DELETE /users/me with a receipt; the token is dead."""
    answer = session.call("DELETE", "/users/me", 204)
    session.check(answer.headers["x-erasure-receipt"])
    session.call("GET", "/auth/me", 401)


def sign_out(session: Session) -> None:
    """POST /auth/logout."""
    session.call("POST", "/auth/logout", 204)
