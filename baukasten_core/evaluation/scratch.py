"""A platform for the length of an evaluation: the configured embedder, reranker and limits, and an
embedded PostgreSQL of its own. Nothing of the operator's is touched."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from secrets import token_urlsafe
from tempfile import TemporaryDirectory

from pydantic import SecretStr

from baukasten_core.accounts.users import create_user
from baukasten_core.assembly import open_services
from baukasten_core.contracts.auth import Principal
from baukasten_core.contracts.embedding import EmbeddingProvider
from baukasten_core.databases import migrate_database
from baukasten_core.db.embedded import start_embedded
from baukasten_core.plugins import PluginHost
from baukasten_core.services import Services
from baukasten_core.settings import DatabaseSettings, Settings, StorageSettings

EMAIL = "evaluation@baukasten.local"
FAST = "-c fsync=off -c synchronous_commit=off -c full_page_writes=off"
"""It is thrown away: nothing needs to survive a power cut."""


@asynccontextmanager
async def scratch_platform(
    settings: Settings, host: PluginHost, *, embedder: EmbeddingProvider | None = None
) -> AsyncIterator[tuple[Services, Principal]]:
    """A platform as `settings` describe it, with an account and nothing else in it; gone at exit.

    Vectors are in its PostgreSQL and files in its folder, whatever the settings say.
    """
    with TemporaryDirectory(prefix="baukasten-eval-") as folder:
        home = Path(folder)
        server = start_embedded(home / "postgres", token_urlsafe(), options=FAST)
        try:
            place = _placed(settings, home, server.url)
            await asyncio.to_thread(migrate_database, place, host)
            async with open_services(place, host, embedder=embedder) as services:
                yield services, await _somebody(services)
        finally:
            server.stop()


def _placed(settings: Settings, home: Path, url: str) -> Settings:
    database = DatabaseSettings(url=SecretStr(url), app_password=SecretStr(token_urlsafe()))
    changes = {"home": home, "database": database, "storage": StorageSettings()}
    return settings.model_copy(update=changes)


async def _somebody(services: Services) -> Principal:
    residency = services.settings.privacy.residency
    async with services.database.transaction() as session:
        made = await create_user(session, EMAIL, None, residency=residency, verified=True)
    return Principal(user_id=made.user_id, tenant_id=made.tenant_id, email=EMAIL)
