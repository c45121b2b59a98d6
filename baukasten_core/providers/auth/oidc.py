"""OpenID Connect by Authlib: authorization code with PKCE, state and nonce, and discovery."""

from __future__ import annotations

import hmac
import time
from collections.abc import Mapping
from dataclasses import dataclass
from secrets import token_urlsafe
from typing import Any
from urllib.parse import urlsplit

from authlib.common.errors import AuthlibBaseError
from authlib.integrations.httpx_client import AsyncOAuth2Client

# Authlib takes httpx2 where it is installed, else httpx: its errors are of the same module.
from authlib.integrations.httpx_client._compat import httpx2 as http
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from pydantic import Field, SecretStr, field_validator

from baukasten_core.contracts.auth import (
    CallbackCredentials,
    Credentials,
    ExternalIdentity,
    Redirect,
    Transactions,
)
from baukasten_core.contracts.provider import ProviderConfig
from baukasten_core.errors import NotFound, ProviderUnavailable

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "Ed25519")
"""Signatures we take: with a public key only. `none` and HMAC are not among them."""

KEEP_SECONDS = 3600.0
LEEWAY_SECONDS = 60


class OidcSite(ProviderConfig):
    """One OpenID Connect provider, and this platform's registration there."""

    issuer: str = Field(description="Its issuer; https, or loopback.")
    client_id: str = Field(description="This platform's client id there.")
    client_secret: SecretStr | None = Field(None, description="Its secret; none: a public client.")
    scopes: tuple[str, ...] = Field(("openid", "email"), description="What is asked for.")
    title: str = Field("", description="What people see; its name by default.")

    @field_validator("issuer")
    @classmethod
    def _safe(cls, issuer: str) -> str:
        url = urlsplit(issuer)
        loopback = url.scheme == "http" and url.hostname in ("127.0.0.1", "::1", "localhost")
        if url.scheme != "https" and not loopback:
            raise ValueError("an issuer must be reached by https (or be on this machine)")
        return issuer


class OidcConfig(ProviderConfig):
    """The setting `auth.oidc`."""

    sites: Mapping[str, OidcSite] = Field(default_factory=dict, description="Providers by name.")


def build(config: OidcConfig) -> OidcProvider:
    return OidcProvider(config)


@dataclass(slots=True)
class _Discovered:
    metadata: dict[str, Any]
    keys: Any
    at: float


class OidcProvider:
    """Remembers each site's metadata and keys for an hour."""

    name = "oidc"

    def __init__(self, config: OidcConfig) -> None:
        self._sites = config.sites
        self._discovered: dict[str, _Discovered] = {}

    def sites(self) -> Mapping[str, str]:
        return {name: site.title or name for name, site in self._sites.items()}

    async def begin(self, site: str, redirect_uri: str) -> Redirect:
        found = await self._discover(site)
        kept = {key: token_urlsafe(32) for key in ("state", "nonce", "verifier")}
        async with self._client(site, redirect_uri) as client:
            url, _ = client.create_authorization_url(
                found.metadata["authorization_endpoint"],
                state=kept["state"],
                nonce=kept["nonce"],
                code_verifier=kept["verifier"],
            )
        return Redirect(url, kept)

    async def authenticate(
        self, credentials: Credentials, database: Transactions
    ) -> ExternalIdentity | None:
        if not isinstance(credentials, CallbackCredentials) or credentials.site not in self._sites:
            return None
        found = await self._discover(credentials.site)
        if not _is_ours(credentials, found.metadata["issuer"]):
            return None
        try:
            async with self._client(credentials.site, credentials.redirect_uri) as client:
                token = await client.fetch_token(
                    found.metadata["token_endpoint"],
                    code=credentials.parameters["code"],
                    code_verifier=credentials.kept["verifier"],
                )
                claims = await self._claims(credentials, token)
                person = await self._person(client, found.metadata, claims)
        except (AuthlibBaseError, JoseError):
            return None
        except http.HTTPError:
            raise _silent(credentials.site) from None
        return _identity(claims, person)

    async def _claims(self, credentials: CallbackCredentials, token: Any) -> CodeIDToken:
        """The ID token's claims: signature, issuer, audience, times, nonce and hash checked."""
        site = self._sites[credentials.site]
        found = await self._discover(credentials.site)
        try:
            decoded = jwt.decode(token["id_token"], found.keys, algorithms=ALGORITHMS)
        except InvalidKeyIdError:
            found = await self._discover(credentials.site, anew=True)
            decoded = jwt.decode(token["id_token"], found.keys, algorithms=ALGORITHMS)
        except KeyError:
            raise JoseError("no ID token") from None
        wanted = {"iss": found.metadata["issuer"], "aud": site.client_id}
        claims = CodeIDToken(
            decoded.claims,
            decoded.header,
            {name: {"essential": True, "value": value} for name, value in wanted.items()},
            {
                "nonce": credentials.kept["nonce"],
                "client_id": site.client_id,
                "access_token": token.get("access_token"),
            },
        )
        claims.validate(leeway=LEEWAY_SECONDS)
        return claims

    async def _person(
        self, client: Any, metadata: Mapping[str, Any], claims: CodeIDToken
    ) -> Mapping[str, Any]:
        """Who it is: the ID token says so itself, or the userinfo endpoint does."""
        if "email" in claims or "userinfo_endpoint" not in metadata:
            return dict(claims)
        response = await client.get(metadata["userinfo_endpoint"])
        response.raise_for_status()
        person: dict[str, Any] = response.json()
        return person if person.get("sub") == claims["sub"] else dict(claims)

    async def _discover(self, site: str, *, anew: bool = False) -> _Discovered:
        if site not in self._sites:
            known = ", ".join(self._sites) or "none"
            raise NotFound("There is no such sign-in provider.", hint=f"Configured: {known}.")
        found = self._discovered.get(site)
        if found is None or anew or time.monotonic() - found.at > KEEP_SECONDS:
            found = self._discovered[site] = await self._fetch(site)
        return found

    async def _fetch(self, site: str) -> _Discovered:
        issuer = self._sites[site].issuer
        url = issuer.rstrip("/") + "/.well-known/openid-configuration"
        try:
            async with http.AsyncClient(timeout=10, follow_redirects=False) as client:
                metadata = (await client.get(url)).raise_for_status().json()
                keys = (await client.get(metadata["jwks_uri"])).raise_for_status().json()
            if metadata["issuer"] != issuer:
                raise ValueError("it calls itself by another name")
            return _Discovered(metadata, KeySet.import_key_set(keys), time.monotonic())
        except (http.HTTPError, JoseError, ValueError, KeyError, TypeError):
            raise _silent(site) from None

    def _client(self, name: str, redirect_uri: str) -> Any:
        site = self._sites[name]
        secret = site.client_secret.get_secret_value() if site.client_secret else None
        return AsyncOAuth2Client(
            site.client_id,
            secret,
            token_endpoint_auth_method="client_secret_basic" if secret else "none",
            scope=" ".join(site.scopes),
            redirect_uri=redirect_uri,
            code_challenge_method="S256",
            timeout=10,
        )


def _is_ours(credentials: CallbackCredentials, issuer: str) -> bool:
    """Whether the browser brings back an answer to what it was sent away with."""
    given, kept = credentials.parameters, credentials.kept
    return (
        "code" in given
        and {"state", "nonce", "verifier"} <= kept.keys()
        and hmac.compare_digest(given.get("state", "").encode(), kept["state"].encode())
        and given.get("iss", issuer) == issuer
    )


def _identity(claims: Mapping[str, Any], person: Mapping[str, Any]) -> ExternalIdentity:
    return ExternalIdentity(
        issuer=str(claims["iss"]),
        subject=str(claims["sub"]),
        email=str(person.get("email") or ""),
        email_verified=person.get("email_verified") in (True, "true"),
    )


def _silent(site: str) -> ProviderUnavailable:
    return ProviderUnavailable(
        f"The sign-in provider `{site}` does not answer as it should.",
        hint="Try again, or sign in with a password.",
    )
