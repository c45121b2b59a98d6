"""Who is calling, and how a caller proves it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable
from uuid import UUID

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

Role = Literal["owner", "admin", "member"]
Language = Literal["de", "en", "es"]


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose rows a transaction may see: set in PostgreSQL before its first statement.

    `tenant_id` None sees no tenant's rows at all; `user_id` decides about private rows;
    `project_id`, for an API key that is bound to a project, hides every other project's.
    """

    user_id: UUID | None = None
    tenant_id: UUID | None = None
    project_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated caller, bound to one tenant for the length of a request or job.

    `scopes` is None for a signed-in person (everything the role allows) and the key's scopes
    for an API key; `project_id` is set when an API key is bound to a single project.
    Exactly one of `session_id` and `api_key_id` is set, both are None in a job.
    """

    user_id: UUID
    tenant_id: UUID
    email: str
    role: Role = "owner"
    is_admin: bool = False
    language: Language = "en"
    scopes: frozenset[str] | None = None
    project_id: UUID | None = None
    session_id: UUID | None = None
    api_key_id: UUID | None = None

    @property
    def scope(self) -> Scope:
        return Scope(self.user_id, self.tenant_id, self.project_id)


@dataclass(frozen=True, slots=True)
class PasswordCredentials:
    """What a person types. `password` is at most 1,024 bytes of UTF-8."""

    email: str
    password: str


@dataclass(frozen=True, slots=True)
class BearerCredentials:
    """What a program sends in `Authorization: Bearer`."""

    token: str


@dataclass(frozen=True, slots=True)
class CallbackCredentials:
    """What a browser brought back from another site.

    Attributes:
        site: which of the provider's sites it was sent to.
        redirect_uri: the address it came back to, as given to `RedirectProvider.begin`.
        kept: what `begin` asked to keep; the browser had it encrypted in a cookie.
        parameters: the query of the address.
    """

    site: str
    redirect_uri: str
    kept: Mapping[str, str]
    parameters: Mapping[str, str]


Credentials = PasswordCredentials | BearerCredentials | CallbackCredentials


@dataclass(frozen=True, slots=True)
class Identity:
    """What an auth provider vouches for: this is that user. Rights come from the database."""

    user_id: UUID
    scopes: frozenset[str] | None = None
    project_id: UUID | None = None
    tenant_id: UUID | None = None
    api_key_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class ExternalIdentity:
    """What an auth provider vouches for: this is that account of another system.

    The core finds the user by `issuer` and `subject`, which never change, or links or makes one
    by `email` where the other system has verified it.
    """

    issuer: str
    subject: str
    email: str
    email_verified: bool


class Transactions(Protocol):
    """The database, as an auth provider gets it (`baukasten_core.db.session.Database`)."""

    def transaction(self, scope: Scope | None = None) -> AbstractAsyncContextManager[AsyncSession]:
        """One transaction that sees the rows of `scope` alone."""
        ...


@runtime_checkable
class AuthProvider(Protocol):
    """Turns credentials into an identity."""

    name: str

    async def authenticate(
        self, credentials: Credentials, database: Transactions
    ) -> Identity | ExternalIdentity | None:
        """The identity these credentials prove, or None if this provider does not take them or
        they are wrong.

        Takes about as long for an unknown account as for a wrong password. Raises
        `errors.Unavailable` when what it needs (database, directory) can't be asked; never
        answers None for that.
        """
        ...


@dataclass(frozen=True, slots=True)
class Redirect:
    """Where to send a browser, and what it must bring back with it (kept encrypted)."""

    url: str
    kept: Mapping[str, str]


@runtime_checkable
class RedirectProvider(AuthProvider, Protocol):
    """An auth provider that lets people sign in on another site.

    What they bring back is given to `authenticate` as `CallbackCredentials`.
    """

    def sites(self) -> Mapping[str, str]:
        """Title by name of the sites people can choose from."""
        ...

    async def begin(self, site: str, redirect_uri: str) -> Redirect:
        """Start a sign-in.

        Raises:
            NotFound: there is no such site.
            ProviderUnavailable: the site does not answer.
        """
        ...
