"""An operator can keep even addresses in the house."""

from __future__ import annotations

import httpx
import pytest

from baukasten_core.settings import Settings
from baukasten_core.testing.fixtures_app import SignedIn, test_settings
from baukasten_core.testing.fixtures_db import DatabaseUrls


@pytest.fixture(scope="module")
def app_settings(database_urls: DatabaseUrls, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    home = tmp_path_factory.mktemp("home")
    return test_settings(home, database_urls, documents={"fetch_urls": False})


async def test_no_address_is_fetched_where_the_operator_switched_it_off(
    client: httpx.AsyncClient, user: SignedIn
) -> None:
    body = {"url": "https://example.com/"}
    response = await client.post("/documents/url", json=body, headers=user.headers)
    assert response.status_code == 403
    assert response.json()["type"] == "/problems/residency"
