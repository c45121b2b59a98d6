"""`/auth`: sign-up, sign-in, sign-out, and mailed links."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Form, Header, Request, Response

from baukasten_core.accounts import sessions, users
from baukasten_core.accounts.api_keys import delete_api_keys
from baukasten_core.accounts.identities import user_of
from baukasten_core.accounts.mail_tokens import (
    delete_mail_tokens,
    is_good_mail_token,
    take_mail_token,
)
from baukasten_core.accounts.mails import queue_link
from baukasten_core.accounts.models import User
from baukasten_core.accounts.passwords import hash_password
from baukasten_core.accounts.sign_in import sign_in
from baukasten_core.accounts.throttle import (
    SignInAttempt,
    SignInLimits,
    end_sign_in,
    require_attempt,
)
from baukasten_core.contracts.auth import ExternalIdentity, PasswordCredentials, Scope
from baukasten_core.db.session import enter_scope
from baukasten_core.errors import BadRequest, Forbidden, Unauthorized
from baukasten_core.http.account_models import (
    EmailIn,
    RefreshIn,
    RegisterIn,
    ResetIn,
    TokenIn,
    TokenOut,
    UserOut,
)
from baukasten_core.http.addresses import client_address
from baukasten_core.http.dependencies import Caller, ServicesDep, Session
from baukasten_core.http.errors import problem_responses
from baukasten_core.http.session_cookie import (
    SessionKind,
    drop_cookie,
    from_cookie,
    keep_in_cookie,
)
from baukasten_core.privacy import audit
from baukasten_core.render.messages import preferred_language
from baukasten_core.services import Services

router = APIRouter(prefix="/auth", tags=["auth"], responses=problem_responses(503))

AcceptLanguage = Annotated[str | None, Header(description="The language of mails: de, en or es.")]


@router.post(
    "/register",
    status_code=201,
    response_model=UserOut,
    responses=problem_responses(400, 403, 429),
)
async def register(
    body: RegisterIn,
    request: Request,
    services: ServicesDep,
    accept_language: AcceptLanguage = None,
) -> User:
    """Make an account with a personal tenant; a link to verify the address is mailed."""
    auth = services.settings.auth
    if not auth.registration:
        raise Forbidden("Registration is closed; ask an admin for an account.")
    async with services.database.transaction() as session:
        await require_attempt(
            session,
            f"register|{_address(request, services)}",
            limit=auth.registrations,
            window=timedelta(hours=1),
            refusal="Too many accounts were made from this address within an hour.",
        )
    stored = await hash_password(body.password)
    async with services.database.transaction() as session:
        made = await users.create_user(
            session,
            body.email,
            stored,
            residency=services.settings.privacy.residency,
            language=preferred_language(accept_language),
        )
        await queue_link(session, services.jobs, body.email, "verify")
        me = Scope(made.user_id, made.tenant_id)
        await enter_scope(session, me)
        await audit.record(session, me, "user.registered")
        return await users.get_user(session, made.user_id)


@router.post("/login", response_model=TokenOut, responses=problem_responses(400, 403, 429))
async def login(
    request: Request,
    response: Response,
    services: ServicesDep,
    username: Annotated[str, Form()],
    password: Annotated[str, Form()],
    kind: SessionKind = None,
) -> TokenOut:
    """Sign in with address and password."""
    auth = services.settings.auth
    credentials = PasswordCredentials(
        users.possible_email(username) or username[:254].lower(), password
    )
    identity = await sign_in(
        services.database,
        services.auth,
        credentials,
        _address(request, services),
        SignInLimits(auth.attempts, auth.address_attempts, _window(services)),
    )
    if identity is None:
        raise BadRequest("LOGIN_BAD_CREDENTIALS", hint="The address or the password is not right.")
    if isinstance(identity, ExternalIdentity):
        user_id = await user_of(
            services.database,
            identity,
            registration=auth.registration,
            residency=services.settings.privacy.residency,
            language=preferred_language(request.headers.get("accept-language")),
        )
    else:
        user_id = identity.user_id
    async with services.database.transaction(Scope(user_id)) as session:
        started = await sessions.start_session(
            session,
            user_id,
            method="password",
            lifetime=timedelta(days=auth.refresh_days),
            user_agent=request.headers.get("user-agent", ""),
        )
    return _tokens(response, services, started, kind)


@router.post(
    "/refresh",
    response_model=TokenOut,
    responses={204: {"description": "The browser has no session"}, **problem_responses(401)},
)
async def refresh(
    request: Request,
    response: Response,
    services: ServicesDep,
    body: RefreshIn | None = None,
    kind: SessionKind = None,
) -> TokenOut | Response:
    """The next pair of tokens; the old refresh token dies, and shown again ends its session.

    Without a body, the browser's cookie is what is shown. It stays good: pages ask side by side.
    """
    kept = from_cookie(request)
    if body is None and kind == "cookie" and not kept:
        return Response(status_code=204)
    lifetime = timedelta(days=services.settings.auth.refresh_days)
    async with services.database.transaction() as session:
        if body is not None:
            found = await sessions.rotate_session(session, body.refresh_token, lifetime=lifetime)
        else:
            found = await sessions.renew_session(session, kept)
    if found is None:
        raise Unauthorized("This refresh token is not good any more.", hint="Sign in again.")
    return _tokens(response, services, found, kind)


@router.post("/logout", status_code=204, responses=problem_responses(401, 403))
async def logout(caller: Caller, session: Session, response: Response) -> None:
    """End this session: its tokens stop working at once, on every replica."""
    drop_cookie(response)
    if caller.session_id is not None:
        await sessions.end_session(session, caller.session_id)
        await audit.record(session, caller, "user.signed_out")


@router.get("/me", response_model=UserOut, responses=problem_responses(401, 403))
async def me(caller: Caller, session: Session) -> User:
    """Who I am."""
    return await users.get_user(session, caller.user_id)


@router.post("/forgot-password", status_code=202)
async def forgot_password(body: EmailIn, services: ServicesDep) -> None:
    """Mail a link that sets a new password, if there is such an account."""
    async with services.database.transaction() as session:
        await queue_link(session, services.jobs, body.email, "reset")


@router.post("/request-verify-token", status_code=202)
async def request_verify_token(body: EmailIn, services: ServicesDep) -> None:
    """Mail a link that verifies the address, if there is such an account."""
    async with services.database.transaction() as session:
        await queue_link(session, services.jobs, body.email, "verify")


@router.post("/reset-password", responses=problem_responses(400, 429))
async def reset_password(body: ResetIn, request: Request, services: ServicesDep) -> None:
    """Set a new password with a mailed token. Ends every session; where the address was never
    verified, somebody else may have made the account, so its API keys end as well."""
    address = _address(request, services)
    async with services.database.transaction() as session:
        await require_attempt(
            session,
            f"reset|{address}",
            limit=services.settings.auth.address_attempts,
            window=_window(services),
            refusal="Too many attempts to set a password from this address.",
        )
        good = await is_good_mail_token(session, body.token, "reset")
    if not good:
        raise _bad_token("RESET_PASSWORD_BAD_TOKEN")
    # Only now: hashing costs, and anybody may ask.
    stored = await hash_password(body.password)
    async with services.database.transaction() as session:
        taken = await take_mail_token(session, body.token, "reset")
        if taken is None:
            raise _bad_token("RESET_PASSWORD_BAD_TOKEN")
        await enter_scope(session, Scope(taken.user_id))
        await users.update_profile(session, taken.user_id, password_hash=stored)
        await sessions.end_sessions(session, taken.user_id)
        await delete_mail_tokens(session, taken.user_id)
        if not taken.was_verified:
            await delete_api_keys(session, taken.user_id)
        await audit.record(session, Scope(taken.user_id), "password.reset")
        email = (await users.get_user(session, taken.user_id)).email
        await end_sign_in(session, SignInAttempt(email, address))


@router.post("/verify", response_model=UserOut, responses=problem_responses(400))
async def verify(body: TokenIn, services: ServicesDep) -> User:
    """Verify the address with a mailed token."""
    async with services.database.transaction() as session:
        taken = await take_mail_token(session, body.token, "verify")
        if taken is None:
            raise _bad_token("VERIFY_USER_BAD_TOKEN")
        if taken.was_verified:
            raise BadRequest("VERIFY_USER_ALREADY_VERIFIED", hint="There is nothing left to do.")
        await enter_scope(session, Scope(taken.user_id))
        return await users.get_user(session, taken.user_id)


def _address(request: Request, services: Services) -> str:
    return client_address(request, services.settings.server.trusted_proxies)


def _window(services: Services) -> timedelta:
    return timedelta(minutes=services.settings.auth.attempt_window_minutes)


def _tokens(
    response: Response, services: Services, found: sessions.Rotated, kind: SessionKind
) -> TokenOut:
    response.headers["Cache-Control"] = "no-store"
    if kind == "cookie":
        keep_in_cookie(response, services, found.refresh_token)
    return TokenOut(
        access_token=services.tokens.issue(found.session_id, found.user_id),
        refresh_token=None if kind == "cookie" else found.refresh_token,
        expires_in=services.tokens.lifetime,
    )


def _bad_token(literal: str) -> BadRequest:
    return BadRequest(literal, hint="The link was used or is too old: ask for another.")
