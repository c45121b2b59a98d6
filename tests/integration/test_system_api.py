"""`/`, `/health` and the API reference: open to everybody."""

from __future__ import annotations

import re

import httpx
import pytest

from baukasten_core.services import Services


async def test_a_program_gets_json_and_a_browser_a_page(client: httpx.AsyncClient) -> None:
    assert set((await client.get("/")).json()) == {"message", "version", "docs"}
    page = await client.get("/", headers={"Accept": "text/html"})
    assert page.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize("path", ["/", "/console", "/console/", "/console/admin/users"])
async def test_every_page_of_the_console_is_its_index_under_a_strict_policy(
    client: httpx.AsyncClient, path: str
) -> None:
    page = await client.get(path, headers={"Accept": "text/html"}, follow_redirects=True)
    assert page.status_code == 200
    assert '<div id="root">' in page.text
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert page.headers["cache-control"] == "no-cache"
    for asset in re.findall(r"""(?:src|href)=["'](/[^"']+)""", page.text):
        answer = await client.get(asset, headers={"Accept-Encoding": "gzip"})
        assert answer.status_code == 200, asset
        if "/assets/" in asset:
            assert "immutable" in answer.headers["cache-control"]
            assert answer.headers["content-encoding"] == "gzip"


async def test_a_file_of_the_console_that_is_not_there_is_no_page(
    client: httpx.AsyncClient,
) -> None:
    assert (await client.get("/console/assets/old.js")).status_code == 404


async def test_health_names_every_plugin_and_the_database(client: httpx.AsyncClient) -> None:
    body = (await client.get("/health")).json()
    assert body["database"] == "up"
    assert any(row["kind"] == "plugin" for row in body["components"])


async def test_health_has_a_row_for_each_provider_and_misses_none_that_nobody_expects(
    client: httpx.AsyncClient, services: Services
) -> None:
    """On a fresh machine, without Ollama and without a key."""
    await services.embedder.embed(["loads the model"])
    services.health.result = None  # ask anew
    body = (await client.get("/health")).json()
    rows = {row["name"]: row for row in body["components"] if row["kind"] == "provider"}
    found = {name: row["status"] for name, row in rows.items()}
    assert found == {
        "ollama": "absent",
        "anthropic": "absent",
        "grok": "absent",
        "extractive": "ready",
        "openvino": "ready",
        "fsspec": "ready",
    }
    assert all(row["reason"] for row in rows.values() if row["status"] == "absent")
    bad = [row for row in body["components"] if row["status"] == "degraded"]
    assert bad == [], "what nobody expects must not degrade the platform"


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
async def test_the_reference_reaches_no_other_host(client: httpx.AsyncClient, path: str) -> None:
    page = (await client.get(path)).text
    assert not re.findall(r"""(?:src|href)=["']https?://""", page)
    for asset in re.findall(r"""(?:src|href)=["'](/[^"']+)""", page):
        assert (await client.get(asset)).status_code == 200


async def test_an_unknown_route_is_a_problem_document(client: httpx.AsyncClient) -> None:
    response = await client.get("/nowhere")
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"
