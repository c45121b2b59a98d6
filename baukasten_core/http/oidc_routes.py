"""`/auth/oidc`: sign in on another site, and come back.

What must come back unchanged (state, nonce, PKCE verifier) waits in an encrypted cookie. The
browser is then sent to the console's sign-in page with a refresh token in the fragment, which no
server sees and no log keeps; it works once, within two minutes, at `POST /auth/refresh`.
"""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse
from pydantic import BaseModel

from baukasten_core.accounts.identities import user_of
from baukasten_core.accounts.sessions import start_session
from baukasten_core.contracts.auth import (
    CallbackCredentials,
    ExternalIdentity,
    Identity,
    RedirectProvider,
    Scope,
)
from baukasten_core.errors import BadRequest, BaukastenError, NotFound
from baukasten_core.http.dependencies import ServicesDep
from baukasten_core.http.errors import problem_responses
from baukasten_core.http.sealed import Sealer
from baukasten_core.render.messages import preferred_language
from baukasten_core.services import Services

router = APIRouter(prefix="/auth/oidc", tags=["auth"], responses=problem_responses(503))

COOKIE = "baukasten_oidc"
COOKIE_SECONDS = 600
CODE_LIFETIME = timedelta(minutes=2)
SIGN_IN_PAGE = "/console/sign-in"
MOST_PARAMETER_CHARACTERS = 4000


class SiteOut(BaseModel):
    """Another site one can sign in with; `login` is where to go."""

    name: str
    title: str
    login: str


@router.get("", response_model=list[SiteOut])
async def list_sites(services: ServicesDep) -> list[SiteOut]:
    """Other sites one can sign in with."""
    return [
        SiteOut(name=name, title=title, login=f"/auth/oidc/{name}/login")
        for provider in _redirecting(services)
        for name, title in provider.sites().items()
    ]


@router.get(
    "/{name}/login",
    status_code=303,
    response_class=RedirectResponse,
    responses=problem_responses(404),
)
async def login(name: str, services: ServicesDep) -> RedirectResponse:
    """Send the browser to the other site."""
    provider = _provider(services, name)
    redirect = await provider.begin(name, _callback_url(services, name))
    response = RedirectResponse(redirect.url, 303, headers={"Cache-Control": "no-store"})
    response.set_cookie(
        COOKIE,
        _sealer(services).seal({**redirect.kept, "site": name}, COOKIE_SECONDS),
        max_age=COOKIE_SECONDS,
        path=f"/auth/oidc/{name}",
        secure=services.settings.public_url.startswith("https:"),
        httponly=True,
        samesite="lax",
    )
    return response


@router.get(
    "/{name}/callback",
    status_code=303,
    response_class=RedirectResponse,
    responses=problem_responses(404),
)
async def callback(name: str, request: Request, services: ServicesDep) -> RedirectResponse:
    """Take the browser back, signed in, or with the reason why not."""
    provider = _provider(services, name)
    try:
        user_id = await _who(name, provider, request, services)
        fragment = {"refresh_token": await _start(user_id, request, services)}
    except BaukastenError as error:
        reason = error.detail if error.hint is None else f"{error.detail} {error.hint}"
        fragment = {"error": error.type, "error_description": reason}
    url = f"{services.settings.public_url}{SIGN_IN_PAGE}#{urlencode(fragment)}"
    response = RedirectResponse(url, 303, headers={"Cache-Control": "no-store"})
    response.delete_cookie(COOKIE, path=f"/auth/oidc/{name}")
    return response


async def _who(name: str, provider: RedirectProvider, request: Request, services: Services) -> UUID:
    kept = _sealer(services).open(request.cookies.get(COOKIE))
    if kept is None or kept.pop("site", None) != name:
        raise BadRequest(
            "The sign-in took too long or began in another browser.", hint="Try again."
        )
    given = {
        key: value
        for key, value in request.query_params.items()
        if len(value) <= MOST_PARAMETER_CHARACTERS
    }
    credentials = CallbackCredentials(name, _callback_url(services, name), kept, given)
    identity = await provider.authenticate(credentials, services.database)
    if isinstance(identity, Identity):
        return identity.user_id
    if not isinstance(identity, ExternalIdentity):
        raise BadRequest("The sign-in on the other site was not completed.", hint="Try again.")
    return await user_of(
        services.database,
        identity,
        registration=services.settings.auth.registration,
        residency=services.settings.privacy.residency,
        language=preferred_language(request.headers.get("accept-language")),
    )


async def _start(user_id: UUID, request: Request, services: Services) -> str:
    async with services.database.transaction(Scope(user_id)) as session:
        agent = request.headers.get("user-agent", "")
        started = await start_session(
            session, user_id, method="oidc", lifetime=CODE_LIFETIME, user_agent=agent
        )
    return started.refresh_token


def _redirecting(services: Services) -> list[RedirectProvider]:
    return [provider for provider in services.auth if isinstance(provider, RedirectProvider)]


def _provider(services: Services, name: str) -> RedirectProvider:
    for provider in _redirecting(services):
        if name in provider.sites():
            return provider
    raise NotFound("There is no such sign-in provider.", hint="GET /auth/oidc lists them.")


def _callback_url(services: Services, name: str) -> str:
    return f"{services.settings.public_url}/auth/oidc/{name}/callback"


def _sealer(services: Services) -> Sealer:
    key = services.settings.auth.token_key
    return Sealer(key.get_secret_value() if key else "", "oidc cookie")
