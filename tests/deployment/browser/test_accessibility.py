"""axe finds nothing serious on any page, in either theme; nothing overflows on a phone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from baukasten_core.testing.emulators import OllamaEmulator, Reply
from baukasten_core.testing.people import Person
from tests.deployment.browser.watch import Open

AXE = Path(__file__).parents[2] / "node" / "node_modules" / "axe-core" / "axe.min.js"
OPEN = ("/", "/console/sign-in", "/console/sign-up", "/console/forgot-password")
OURS = ("/console/projects", "/console/projects/{project}", "/console/profile")
CHAT = "/apps/privategpt/projects/{project}/conversations/{conversation}"
PRIVATEGPT = ("/apps/privategpt/", "/apps/privategpt/projects/{project}", CHAT)
ADMIN = tuple(f"/console/admin{page}" for page in ("", "/users", "/models", "/usage", "/audit"))


@pytest.fixture(scope="module")
def ids(admin: Person, around: Any) -> dict[str, str]:
    """A library of the admin's with a document and a conversation."""
    emulator: OllamaEmulator = around.ollama
    emulator.reply = Reply("The filter is changed **every six weeks** [1], or not [9].")
    project = admin.project("privategpt", name="Seen by everybody")
    admin.ready(admin.text("The filter is changed every six weeks.", project, title="Pumps"))
    body = {"question": "When is the filter changed?", "provider": "ollama"}
    answer = admin.post(f"/privategpt/projects/{project}/ask", body).json()
    emulator.reset()
    return {"project": project, "conversation": answer["conversation_id"]}


def visit(page: Page, path: str) -> None:
    page.goto(path)
    page.get_by_role("heading", level=1).first.wait_for(state="attached")
    page.wait_for_load_state("networkidle")


def serious(page: Page) -> list[str]:
    """What axe finds that is serious or critical."""
    page.evaluate(AXE.read_text())
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{each['id']}: {node['html'][:200]}"
        for each in found["violations"]
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"]
    ]


@pytest.mark.parametrize("path", [*OPEN, *OURS, *PRIVATEGPT, *ADMIN])
def test_axe_finds_nothing_serious_in_either_theme_and_nothing_overflows_on_a_phone(
    open_page: Open, admin: Person, ids: dict[str, str], path: str
) -> None:
    """In German, whose words are the longest."""
    page = open_page(None if path in OPEN else admin, language="de")
    visit(page, path.format(**ids))
    assert page.locator("html").get_attribute("lang") == "de"
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme, reduced_motion="reduce")  # no colour on its way
        assert serious(page) == [], theme
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
