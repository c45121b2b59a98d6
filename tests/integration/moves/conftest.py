"""A room, and a place in it that moves."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import UUID

import pytest
import pytest_asyncio

from baukasten_core.contracts.auth import Principal
from baukasten_core.db.session import Database
from baukasten_core.documents.extract import Extractor
from baukasten_core.documents.moves import Place
from tests.integration.made import new_project
from tests.integration.moves.room import Platform


@pytest_asyncio.fixture(loop_scope="session")
async def platform(database: Database) -> AsyncIterator[Platform]:
    async with Extractor() as extractor:
        yield Platform(database, extractor)


@pytest_asyncio.fixture(loop_scope="session")
async def project(database: Database, tenant: Principal) -> UUID:
    return await new_project(database, tenant)


@pytest.fixture
def place(tenant: Principal, project: UUID) -> Place:
    return Place(tenant.tenant_id, project)
