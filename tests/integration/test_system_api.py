"""`/`, `/health` and the API reference: open to everybody."""

from __future__ import annotations

import re

import httpx
import pytest

from baukasten_core.render.messages import translate
from baukasten_core.services import Services


async def test_a_program_gets_json_and_a_browser_a_page(client: httpx.AsyncClient) -> None:
    assert set((await client.get("/")).json()) == {"message", "version", "docs"}
    page = await client.get("/", headers={"Accept": "text/html"})
    assert page.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize(
    ("header", "language", "said"),
    [
        ("de-AT,de;q=0.9,en;q=0.5", "de", "Beantwortet Fragen"),
        ("es", "es", "Responde"),
        ("en", "en", "Answers questions"),
        ("fr", "en", "Answers questions"),
    ],
)
async def test_the_page_is_in_the_readers_language(
    client: httpx.AsyncClient, header: str, language: str, said: str
) -> None:
    page = await client.get("/", headers={"Accept": "text/html", "Accept-Language": header})
    assert f'<html lang="{language}">' in page.text
    assert translate(language, "home.running") in page.text
    assert said in page.text
    assert "Accept-Language" in page.headers["vary"]


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
