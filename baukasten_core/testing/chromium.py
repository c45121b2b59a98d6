"""A real browser for tests of pages: Debian's Chromium, driven by Playwright.

with sync_playwright() as playwright:
    context = launched(playwright).new_context(base_url=platform.url)
    sign_in(context, person)
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from baukasten_core.testing.people import Person

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Playwright

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
"""Nothing that a test does not ask for: no update, no synchronising."""

IN_COOKIE = {"X-Session": "cookie"}


def launched(playwright: Playwright) -> Browser:
    """The browser, started; needs Debian's package `chromium`."""
    assert CHROMIUM.exists(), "Chromium is missing: `apt-get install chromium`"
    return playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)


def sign_in(context: BrowserContext, person: Person) -> None:
    """Have the browser's pages signed in as somebody."""
    form: dict[str, str | float | bool] = {
        "username": person.email,
        "password": person.password,
    }
    answer = context.request.post("/auth/login", form=form, headers=IN_COOKIE)
    assert answer.ok, answer.text()
