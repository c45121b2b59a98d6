"""Who is calling, and how a caller proves it."""

from __future__ import annotations

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

    `tenant_id` None sees no tenant's rows at all; `user_id` decides about private rows.
    """

    user_id: UUID | None = None
    tenant_id: UUID | None = None


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
        return Scope(user_id=self.user_id, tenant_id=self.tenant_id)


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
class OidcCredentials:
    """An ID token's claims, already verified against the provider's keys, nonce and audience."""

    provider: str
    subject: str
    email: str
    email_verified: bool


Credentials = PasswordCredentials | BearerCredentials | OidcCredentials


@dataclass(frozen=True, slots=True)
class Identity:
    """What an auth provider vouches for: this is that user. Rights come from the database."""

    user_id: UUID
    scopes: frozenset[str] | None = None
    project_id: UUID | None = None
    tenant_id: UUID | None = None
    api_key_id: UUID | None = None


@runtime_checkable
class AuthProvider(Protocol):
    """Turns credentials into an identity."""

    name: str

    async def authenticate(
        self, session: AsyncSession, credentials: Credentials
    ) -> Identity | None:
        """The identity these credentials prove, or None if this provider does not take them or
        they are wrong.

        `session` is a transaction bound to nobody yet: it sees no rows, and reaches accounts
        through the functions of `db/system.sql` alone.

        Takes about as long for an unknown account as for a wrong password. Raises
        `errors.Unavailable` when what it needs (database, directory) can't be asked; never
        answers None for that.
        """
        ...
