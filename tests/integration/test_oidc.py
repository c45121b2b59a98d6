"""OpenID Connect against a certified provider (npm's oidc-provider), without a browser."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit
from uuid import uuid4

import httpx
import psycopg
import pytest
from fastapi import FastAPI
from pydantic import ValidationError

from baukasten_core.contracts.auth import AuthProvider, CallbackCredentials, Credentials
from baukasten_core.errors import NotFound, ProviderUnavailable
from baukasten_core.providers.auth import oidc
from baukasten_core.settings import Settings
from baukasten_core.testing.contracts.auth import AuthContract
from baukasten_core.testing.fixtures_app import test_settings as make_settings
from baukasten_core.testing.fixtures_db import DatabaseUrls
from tests.oidc import browser
from tests.oidc.browser import SECRET, running_provider

PLATFORM = "http://testserver"


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    """A provider that tells the address at its userinfo endpoint alone."""
    with running_provider(PLATFORM) as issuer:
        yield issuer


@pytest.fixture(scope="module")
def telling_issuer() -> Iterator[str]:
    """A provider whose ID token carries the address."""
    with running_provider(PLATFORM, CONFORM="0") as issuer:
        yield issuer


@pytest.fixture(scope="module")
def sites(issuer: str, telling_issuer: str) -> Mapping[str, Any]:
    return {
        "confidential": {
            "issuer": issuer,
            "client_id": "confidential",
            "client_secret": SECRET,
            "title": "Our directory",
        },
        "open": {"issuer": issuer, "client_id": "open"},
        "claims": {"issuer": telling_issuer, "client_id": "claims", "client_secret": SECRET},
        "wrong": {"issuer": issuer, "client_id": "confidential", "client_secret": "wrong"},
        "down": {"issuer": "http://127.0.0.1:1", "client_id": "x"},
    }


@pytest.fixture(scope="module")
def app_settings(
    database_urls: DatabaseUrls, tmp_path_factory: pytest.TempPathFactory, sites: Mapping[str, Any]
) -> Settings:
    home = tmp_path_factory.mktemp("home")
    server = {"public_url": PLATFORM}
    return make_settings(home, database_urls, auth={"oidc": sites}, server=server)


class Browser(browser.Browser):
    """At the application in this process."""

    def __init__(self, app: FastAPI, login: str) -> None:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        super().__init__(httpx.AsyncClient(transport=transport, base_url=PLATFORM), login)


def somebody(prefix: str = "u") -> str:
    return f"{prefix}{uuid4().hex[:12]}"


@pytest.mark.parametrize("site", ["confidential", "open", "claims"])
async def test_signing_in_on_another_site_makes_a_verified_user_who_stays_the_same(
    app: FastAPI, site: str
) -> None:
    login = somebody()
    browser = Browser(app, login)
    me = await browser.me(await browser.sign_in(site))
    assert me["email"] == f"{login}@example.test"
    assert me["is_verified"] is True
    again = Browser(app, login)
    assert (await again.me(await again.sign_in(site)))["id"] == me["id"]


async def test_what_the_browser_is_sent_with_has_pkce_state_and_nonce(app: FastAPI) -> None:
    browser = Browser(app, somebody())
    sent = parse_qs(urlsplit(await browser.begin("confidential")).query)
    assert sent["code_challenge_method"] == ["S256"]
    assert all(len(sent[name][0]) >= 43 for name in ("code_challenge", "state", "nonce"))
    assert sent["redirect_uri"] == [f"{PLATFORM}/auth/oidc/confidential/callback"]
    (cookie,) = browser.platform.cookies.jar
    assert sent["state"][0] not in (cookie.value or "")
    assert cookie.path == "/auth/oidc/confidential"
    assert cookie.has_nonstandard_attr("HttpOnly")
    assert cookie.get_nonstandard_attr("SameSite") == "lax"


async def test_the_token_in_the_fragment_works_once_and_only_for_two_minutes(
    app: FastAPI, database_urls: DatabaseUrls
) -> None:
    browser = Browser(app, somebody())
    fragment = await browser.sign_in("confidential")
    query = "SELECT max(extract(epoch FROM expires_at - now())) FROM core.sessions WHERE user_id = "
    query += "(SELECT id FROM core.users WHERE email = %s)"
    email = f"{browser.login}@example.test"
    with psycopg.connect(database_urls.owner) as connection:
        assert 0 < connection.execute(query, [email]).fetchone()[0] <= 120  # type: ignore[index]
        await browser.tokens(fragment)
        assert connection.execute(query, [email]).fetchone()[0] > 86400  # type: ignore[index]
    body = {"refresh_token": fragment["refresh_token"]}
    assert (await browser.platform.post("/auth/refresh", json=body)).status_code == 401


async def test_a_callback_without_its_cookie_or_with_another_state_signs_nobody_in(
    app: FastAPI,
) -> None:
    victim, attacker = Browser(app, somebody()), Browser(app, somebody())
    theirs = await attacker.go_there(await attacker.begin("confidential"))
    assert (await victim.come_back(theirs))["error"] == "bad-request"
    await victim.begin("confidential")
    assert (await victim.come_back(theirs))["error"] == "bad-request"
    # The cookie is gone after one callback, good or bad.
    assert not list(victim.platform.cookies.jar)
    assert "refresh_token" in await attacker.come_back(theirs)


@pytest.mark.parametrize(
    "change",
    [{"code": "wrong"}, {"state": "wrong"}, {"iss": "https://elsewhere.test"}, {"code": None}],
    ids=["code", "state", "issuer", "no code"],
)
async def test_a_changed_callback_signs_nobody_in(
    app: FastAPI, change: Mapping[str, str | None]
) -> None:
    browser = Browser(app, somebody())
    back = urlsplit(await browser.go_there(await browser.begin("confidential")))
    values = {**dict(parse_qsl(back.query)), **change}
    query = urlencode({name: value for name, value in values.items() if value is not None})
    fragment = await browser.come_back(back._replace(query=query).geturl())
    assert fragment["error"] == "bad-request"


async def test_a_code_works_once(app: FastAPI) -> None:
    browser = Browser(app, somebody())
    away = await browser.begin("confidential")
    (cookie,) = browser.platform.cookies.jar
    back = await browser.go_there(away)
    assert "refresh_token" in await browser.come_back(back)
    browser.platform.cookies.jar.set_cookie(cookie)
    assert (await browser.come_back(back))["error"] == "bad-request"


async def test_who_says_no_on_the_other_site_is_told_so(app: FastAPI) -> None:
    browser = Browser(app, somebody())
    state = parse_qs(urlsplit(await browser.begin("confidential")).query)["state"][0]
    denied = urlencode({"error": "access_denied", "state": state})
    fragment = await browser.come_back(f"{PLATFORM}/auth/oidc/confidential/callback?{denied}")
    assert "not completed" in fragment["error_description"]


async def test_a_wrong_client_secret_signs_nobody_in(app: FastAPI) -> None:
    browser = Browser(app, somebody())
    away = await browser.begin("wrong")
    # The provider knows one callback for this client, so the browser comes back by hand.
    away = away.replace("oidc%2Fwrong%2F", "oidc%2Fconfidential%2F")
    back = (await browser.go_there(away)).replace("/confidential/", "/wrong/")
    assert (await browser.come_back(back))["error"] == "bad-request"


async def test_an_unverified_address_is_no_way_in(app: FastAPI) -> None:
    fragment = await Browser(app, somebody("unverified")).sign_in("confidential")
    assert fragment["error"] == "forbidden"
    assert "did not verify" in fragment["error_description"]


async def test_an_account_is_linked_only_where_its_own_address_is_verified(
    app: FastAPI, database_urls: DatabaseUrls
) -> None:
    browser = Browser(app, somebody())
    body = {"email": f"{browser.login}@example.test", "password": "a password of a test"}
    made = (await browser.platform.post("/auth/register", json=body)).json()
    fragment = await browser.sign_in("confidential")
    assert "never verified" in fragment["error_description"]
    with psycopg.connect(database_urls.owner) as connection:
        query = "UPDATE core.users SET is_verified = true WHERE id = %s"
        connection.execute(query, [made["id"]])
    assert (await browser.me(await browser.sign_in("confidential")))["id"] == made["id"]


async def test_sites_are_listed_and_unknown_or_silent_ones_say_so(app: FastAPI) -> None:
    browser = Browser(app, somebody())
    listed = (await browser.open(f"{PLATFORM}/auth/oidc")).json()
    assert {
        "name": "confidential",
        "title": "Our directory",
        "login": "/auth/oidc/confidential/login",
    } in listed
    for path in ("login", "callback"):
        response = await browser.open(f"{PLATFORM}/auth/oidc/nonsense/{path}")
        assert response.status_code == 404
    response = await browser.open(f"{PLATFORM}/auth/oidc/down/login")
    assert response.status_code == 503
    assert response.headers["retry-after"]


# --- the provider alone -------------------------------------------------------------------


class TestOidc(AuthContract):
    @pytest.fixture
    def needs_database(self) -> bool:
        return False

    @pytest.fixture
    def provider(self, sites: Mapping[str, Any]) -> AuthProvider:
        """Signs in anew whenever it is asked, because a code works once."""
        return SignsInAnew(oidc.build(oidc.OidcConfig(sites=sites)))

    @pytest.fixture
    def right(self) -> Credentials:
        return CallbackCredentials("confidential", "", {}, {"login": somebody()})

    @pytest.fixture
    def wrong(self) -> Sequence[Credentials]:
        kept = {"state": "s", "nonce": "n", "verifier": "v" * 43}
        back = {"state": "s", "code": "wrong"}
        return [
            CallbackCredentials("confidential", PLATFORM, kept, back),
            CallbackCredentials("confidential", PLATFORM, {}, back),
            CallbackCredentials("nonsense", PLATFORM, kept, back),
        ]


class SignsInAnew:
    name = "oidc"

    def __init__(self, provider: oidc.OidcProvider) -> None:
        self.provider = provider

    async def authenticate(self, credentials: Credentials, database: Any) -> Any:
        if isinstance(credentials, CallbackCredentials) and "login" in credentials.parameters:
            uri = f"{PLATFORM}/auth/oidc/{credentials.site}/callback"
            redirect = await self.provider.begin(credentials.site, uri)
            browser = Browser(FastAPI(), credentials.parameters["login"])
            back = urlsplit(await browser.go_there(redirect.url)).query
            credentials = CallbackCredentials(
                credentials.site, uri, redirect.kept, dict(parse_qsl(back))
            )
        return await self.provider.authenticate(credentials, database)


async def test_an_answer_to_another_nonce_proves_nothing(sites: Mapping[str, Any]) -> None:
    provider = oidc.build(oidc.OidcConfig(sites=sites))
    uri = f"{PLATFORM}/auth/oidc/confidential/callback"
    redirect = await provider.begin("confidential", uri)
    back = urlsplit(await Browser(FastAPI(), somebody()).go_there(redirect.url)).query
    kept = {**redirect.kept, "nonce": "another"}
    credentials = CallbackCredentials("confidential", uri, kept, dict(parse_qsl(back)))
    assert await provider.authenticate(credentials, None) is None  # type: ignore[arg-type]


async def test_a_site_that_calls_itself_by_another_name_is_not_trusted(issuer: str) -> None:
    other = issuer.replace("127.0.0.1", "localhost")
    sites = {"other": oidc.OidcSite(issuer=other, client_id="confidential")}
    provider = oidc.build(oidc.OidcConfig(sites=sites))
    with pytest.raises(ProviderUnavailable):
        await provider.begin("other", PLATFORM)
    with pytest.raises(NotFound, match="no such"):
        await provider.begin("nonsense", PLATFORM)


def test_an_issuer_in_the_clear_is_refused() -> None:
    with pytest.raises(ValidationError, match="https"):
        oidc.OidcSite(issuer="http://elsewhere.test", client_id="x")
