"""API keys (`bk_...`), checked against the platform's own."""

from __future__ import annotations

from baukasten_core.accounts.authenticate import open_api_key
from baukasten_core.accounts.secrets import API_KEY_PREFIX
from baukasten_core.contracts.auth import BearerCredentials, Credentials, Identity, Transactions
from baukasten_core.contracts.provider import ProviderConfig
from baukasten_core.errors import Unauthorized


class ApiKeyConfig(ProviderConfig):
    """Nothing to configure: each key carries its own scopes and its end."""


def build(config: ApiKeyConfig) -> ApiKeyProvider:
    return ApiKeyProvider()


class ApiKeyProvider:
    """Requests don't come through here: `accounts.tokens.authenticate` opens a key and binds the
    request's transaction in one round trip."""

    name = "api_key"

    async def authenticate(
        self, credentials: Credentials, database: Transactions
    ) -> Identity | None:
        if not isinstance(credentials, BearerCredentials):
            return None
        if not credentials.token.startswith(API_KEY_PREFIX):
            return None
        async with database.transaction() as session:
            try:
                caller = await open_api_key(session, credentials.token, None)
            except Unauthorized:
                return None
        return Identity(
            caller.user_id, caller.scopes, caller.project_id, caller.tenant_id, caller.api_key_id
        )
