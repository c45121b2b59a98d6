"""Every auth provider that ships, through the contract suite (OIDC's has a file of its own)."""

from __future__ import annotations

from collections.abc import Sequence

import psycopg
import pytest

from baukasten_core.accounts.api_keys import create_api_key
from baukasten_core.accounts.passwords import hash_password
from baukasten_core.accounts.users import create_user
from baukasten_core.contracts.auth import (
    AuthProvider,
    BearerCredentials,
    Credentials,
    Identity,
    PasswordCredentials,
    Principal,
)
from baukasten_core.db.session import Database
from baukasten_core.providers.auth import api_key, password
from baukasten_core.testing.contracts.auth import AuthContract
from baukasten_core.testing.fixtures_db import DatabaseUrls
from baukasten_core.testing.fixtures_db import create_user as create_tenant

PASSWORD = "a password of a test"


@pytest.fixture(scope="module")
async def known(database: Database, database_urls: DatabaseUrls) -> Sequence[Credentials]:
    """The right credentials, then those of somebody inactive and of somebody without password."""
    stored = await hash_password(PASSWORD)
    emails = ["known@example.test", "inactive@example.test", "without@example.test"]
    async with database.transaction() as session:
        for email in emails:
            given = None if email.startswith("without") else stored
            await create_user(session, email, given, residency=["local"])
    with psycopg.connect(database_urls.owner) as connection:
        query = "UPDATE core.users SET is_active = false WHERE email = %s"
        connection.execute(query, [emails[1]])
    return [PasswordCredentials(email, PASSWORD) for email in emails]


class TestPassword(AuthContract):
    @pytest.fixture
    def provider(self) -> AuthProvider:
        return password.build(password.PasswordConfig())

    @pytest.fixture
    def right(self, known: Sequence[Credentials]) -> Credentials:
        return known[0]

    @pytest.fixture
    def wrong(self, known: Sequence[Credentials]) -> Sequence[Credentials]:
        return [
            *known[1:],
            PasswordCredentials("known@example.test", PASSWORD + "."),
            PasswordCredentials("nobody@example.test", PASSWORD),
        ]

    async def test_a_hash_with_weaker_parameters_is_replaced_at_sign_in(
        self, provider: AuthProvider, database: Database, database_urls: DatabaseUrls
    ) -> None:
        from pwdlib.hashers.argon2 import Argon2Hasher

        weak = Argon2Hasher(time_cost=1, memory_cost=1024, parallelism=1).hash(PASSWORD)
        async with database.transaction() as session:
            await create_user(session, "weak@example.test", weak, residency=["local"])
        credentials = PasswordCredentials("weak@example.test", PASSWORD)
        assert await provider.authenticate(credentials, database)
        with psycopg.connect(database_urls.owner) as connection:
            query = "SELECT password_hash FROM core.users WHERE email = 'weak@example.test'"
            row = connection.execute(query).fetchone()
        assert row is not None
        assert "m=65536,t=3" in row[0]
        assert await provider.authenticate(credentials, database)


class TestApiKey(AuthContract):
    @pytest.fixture
    def provider(self) -> AuthProvider:
        return api_key.build(api_key.ApiKeyConfig())

    @pytest.fixture
    async def right(self, database: Database, tenant: Principal) -> Credentials:
        async with database.transaction(tenant.scope) as session:
            return BearerCredentials((await create_api_key(session, tenant, "k")).secret)

    @pytest.fixture
    async def wrong(self, database: Database, database_urls: DatabaseUrls) -> Sequence[Credentials]:
        owner = create_tenant(database_urls)
        async with database.transaction(owner.scope) as session:
            expired = await create_api_key(session, owner, "expired")
            inactive = await create_api_key(session, owner, "inactive")
        with psycopg.connect(database_urls.owner) as connection:
            query = "UPDATE core.api_keys SET expires_at = now() WHERE id = %s"
            connection.execute(query, [expired.key.id])
            query = "UPDATE core.users SET is_active = false WHERE id = %s"
            connection.execute(query, [owner.user_id])
        secrets = [expired.secret, inactive.secret, "bk_" + "A" * 43]
        return [BearerCredentials(secret) for secret in secrets]

    async def test_the_identity_carries_scopes_and_tenant(
        self, provider: AuthProvider, right: Credentials, database: Database, tenant: Principal
    ) -> None:
        identity = await provider.authenticate(right, database)
        assert isinstance(identity, Identity)
        assert identity.scopes == {"read", "write", "llm"}
        assert identity.tenant_id == tenant.tenant_id
