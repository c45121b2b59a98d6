"""Profile: password, sessions, keys, language, export, the end of an account."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import httpx
import pytest
from baukasten_serve.testing import Platform
from playwright.sync_api import Page, expect

from baukasten_core.testing.people import Person
from tests.deployment.browser.watch import Open


@pytest.fixture
def person(newcomer: Callable[..., Person]) -> Person:
    """Somebody of one's own: these tests change their account."""
    return newcomer()


@pytest.fixture
def profile(open_page: Open, person: Person) -> Page:
    page = open_page(person)
    page.goto("/console/profile")
    expect(page.get_by_role("heading", level=1)).to_have_text("Profile")
    return page


def test_a_new_password_counts_from_now_on(profile: Page, person: Person) -> None:
    profile.get_by_label("New password").fill("quite another password")
    profile.get_by_role("button", name="Change password").click()
    expect(profile.get_by_text("The password is changed.")).to_be_visible()
    person.password = "quite another password"
    person.sign_in()


def test_a_session_elsewhere_is_seen_and_ended(profile: Page, person: Person) -> None:
    person.get("/auth/me")
    expect(profile.get_by_text("Chrome on Linux")).to_be_visible()
    expect(profile.get_by_text("this one")).to_be_visible()
    profile.get_by_role("button", name=re.compile("End the session of python-httpx")).first.click()
    expect(profile.get_by_text("The session is ended.")).to_be_visible()
    person.get("/auth/me", status=401)


def test_ending_all_sessions_leads_to_the_sign_in(profile: Page) -> None:
    profile.get_by_role("button", name="End all sessions").click()
    profile.get_by_role("dialog").get_by_role("button", name="End all sessions").click()
    expect(profile).to_have_url(re.compile("/console/sign-in"))


def test_a_key_is_shown_once_does_what_it_may_and_is_deleted(
    profile: Page, platform: Platform
) -> None:
    profile.get_by_role("button", name="New key").click()
    profile.get_by_label("Name").fill("Reader")
    profile.get_by_label("Put in, change and delete").uncheck()
    profile.get_by_role("button", name="Create").click()
    dialog = profile.get_by_role("dialog")
    key = dialog.locator("code").inner_text()
    headers = {"Authorization": f"Bearer {key}"}
    assert httpx.get(f"{platform.url}/projects", headers=headers).status_code == 200
    body = {"name": "No", "type": "other"}
    assert httpx.post(f"{platform.url}/projects", json=body, headers=headers).status_code == 403
    dialog.get_by_role("button", name="Close").click()
    expect(profile.get_by_text(key)).to_be_hidden()
    profile.get_by_role("button", name="Delete the key “Reader”").click()
    profile.get_by_role("dialog").get_by_role("button", name="Delete the key").click()
    expect(profile.get_by_text("No keys yet")).to_be_visible()
    assert httpx.get(f"{platform.url}/projects", headers=headers).status_code == 401


def test_the_language_is_the_accounts(profile: Page, person: Person) -> None:
    with profile.expect_response("**/users/me"):
        profile.get_by_role("main").get_by_label("Language", exact=True).select_option("de")
    expect(profile.get_by_role("heading", level=1)).to_have_text("Profil")
    expect(profile.get_by_text("nicht bestätigt")).to_be_visible()
    assert person.get("/users/me").json()["language"] == "de"


def test_my_data_is_taken_along(profile: Page, person: Person, tmp_path: Path) -> None:
    person.project(name="Taken along")
    with profile.expect_download() as download:
        profile.get_by_role("button", name="Export my data").click()
    download.value.save_as(tmp_path / "export.zip")
    with ZipFile(BytesIO((tmp_path / "export.zip").read_bytes())) as archive:
        projects = json.loads(archive.read("data/core/projects.json"))
    assert [project["name"] for project in projects] == ["Taken along"]


def test_an_account_ends_with_a_receipt(profile: Page, person: Person, platform: Platform) -> None:
    profile.get_by_role("button", name="Delete my account").click()
    dialog = profile.get_by_role("dialog")
    confirm = dialog.get_by_role("button", name="Delete my account")
    expect(confirm).to_be_disabled()
    dialog.get_by_label("E-mail address").fill(person.email)
    confirm.click()
    receipt = profile.get_by_role("dialog", name="Your account is deleted").get_by_role("link")
    expect(receipt).to_be_visible()
    path = receipt.get_attribute("href") or ""
    assert httpx.get(f"{platform.url}{path}").json()["verified"]
    profile.keyboard.press("Escape")
    expect(profile).to_have_url(re.compile("/console/sign-in"))
