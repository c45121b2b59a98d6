"""Administration without a shell."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from baukasten_core.testing.emulators import OllamaEmulator, Reply
from baukasten_core.testing.emulators.replies import EmulatedModel
from baukasten_core.testing.inbox import Inbox
from baukasten_core.testing.people import Person


def test_others_are_told_that_it_is_not_for_them(ada_page: Page) -> None:
    ada_page.goto("/console/admin")
    expect(ada_page.get_by_role("alert")).to_contain_text("Only administrators see this.")
    expect(ada_page.get_by_role("link", name="Administration")).to_be_hidden()


def test_the_overview_has_figures_health_and_days(admin_page: Page) -> None:
    admin_page.goto("/console/admin")
    expect(admin_page.get_by_text("Accounts", exact=True)).to_be_visible()
    for application in ("gateway", "embedder", "worker"):
        expect(admin_page.get_by_text(application, exact=True)).to_be_visible()
    expect(admin_page.get_by_role("heading", name="New documents")).to_be_visible()
    admin_page.get_by_label("Period").select_option("7")
    admin_page.get_by_text("As a table").click()
    rows = admin_page.get_by_role("table", name="Day by day").get_by_role("row")
    expect(rows).to_have_count(8)


def test_somebody_is_invited_promoted_deactivated_and_deleted(
    admin_page: Page, inbox: Inbox
) -> None:
    page, email = admin_page, f"{secrets.token_hex(6)}@example.test"
    page.goto("/console/admin/users")
    page.get_by_role("button", name="Add somebody").click()
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Language").last.select_option("es")
    page.get_by_role("button", name="Create").click()
    assert "Elija aquí una contraseña" in inbox.wait_for(email).get_content()
    page.get_by_label("Search for an address").fill(email[:10])
    row = page.get_by_role("listitem").filter(has_text=email)
    actions = row.get_by_label("What can be done")
    actions.click()
    row.get_by_role("button", name="Make administrator").click()
    expect(row.get_by_text("administrator", exact=True)).to_be_visible()
    actions.click()
    row.get_by_role("button", name="Take administration away").click()
    actions.click()
    row.get_by_role("button", name="Deactivate").click()
    expect(row.get_by_text("deactivated")).to_be_visible()
    actions.click()
    row.get_by_role("button", name="Delete account").click()
    dialog = page.get_by_role("dialog", name="Delete account")
    dialog.get_by_label("E-mail address").fill(email)
    dialog.get_by_role("button", name="Delete account").click()
    expect(page.get_by_text("Nobody has this in their address.")).to_be_visible()


def test_the_last_admin_stays_one(admin_page: Page, admin: Person) -> None:
    admin_page.goto("/console/admin/users")
    admin_page.get_by_label("Search for an address").fill(admin.email)
    row = admin_page.get_by_role("listitem").filter(has_text=admin.email)
    row.get_by_label("What can be done").click()
    expect(row.get_by_role("button", name="Delete account")).to_be_hidden()
    row.get_by_role("button", name="Take administration away").click()
    expect(admin_page.get_by_role("dialog")).to_contain_text("The last admin can't be demoted")


@pytest.fixture
def slow_pull(ollama: OllamaEmulator) -> OllamaEmulator:
    ollama.pullable = ("tiny:latest", "small:latest")
    ollama.faults.piece_delay = 0.2
    return ollama


def test_a_model_is_fetched_with_progress(admin_page: Page, slow_pull: OllamaEmulator) -> None:
    admin_page.goto("/console/admin/models")
    admin_page.get_by_label("Name of the model").fill("small")
    admin_page.get_by_role("button", name="Fetch a model").click()
    expect(admin_page.get_by_role("progressbar")).to_be_visible()
    expect(admin_page.get_by_text("small is there.")).to_be_visible()
    expect(admin_page.get_by_role("cell", name="small:latest")).to_be_visible()
    slow_pull.models = (EmulatedModel("tiny:latest"),)


def test_a_model_is_tried(admin_page: Page, ollama: OllamaEmulator) -> None:
    ollama.reply = Reply("A short answer.")
    admin_page.goto("/console/admin/models")
    admin_page.get_by_label("Model", exact=True).select_option(label="ollama · tiny:latest")
    admin_page.get_by_label("Prompt").fill("Say something.")
    admin_page.get_by_role("button", name="Send").click()
    expect(admin_page.get_by_text("A short answer.")).to_be_visible()
    expect(admin_page.get_by_text(re.compile(r"\d+ tokens"))).to_be_visible()


def test_usage_is_added_up_and_downloaded(
    admin_page: Page, newcomer: Callable[..., Person], ollama: OllamaEmulator
) -> None:
    person = newcomer()
    person.post("/llm/generate", {"prompt": "Say something.", "provider": "ollama"})
    admin_page.goto("/console/admin/usage")
    admin_page.get_by_label("Add up by").select_option("user")
    # Usage is written in batches, a moment later.
    for _ in range(20):
        if admin_page.get_by_role("cell", name=person.email).count():
            break
        admin_page.wait_for_timeout(500)
        admin_page.reload()
        admin_page.get_by_label("Add up by").select_option("user")
        admin_page.get_by_role("table").wait_for()
    expect(admin_page.get_by_role("cell", name=person.email)).to_be_visible()
    with admin_page.expect_download() as download:
        admin_page.get_by_role("button", name="Download as CSV").click()
    assert person.email in download.value.path().read_text()


def test_the_audit_log_is_filtered_by_action(admin_page: Page) -> None:
    admin_page.goto("/console/admin/audit")
    admin_page.get_by_label("Action").fill("user.signed_in")
    cells = admin_page.get_by_role("row").locator("td:nth-child(2)")
    expect(cells.first).to_have_text("user.signed_in")
    expect(cells.filter(has_not_text="user.signed_in")).to_have_count(0)
