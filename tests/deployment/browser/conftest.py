"""A real browser before the real platform.

Every page is watched: no request may leave the platform, no script may fail, and nothing may try
what the pages' policy forbids. A test that provokes one of these says so with `watch.expects`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from baukasten_serve.testing import Platform
from playwright.sync_api import Browser, Page, expect, sync_playwright

from baukasten_core.testing.people import Person
from tests.deployment.browser.watch import Open, Watch

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
PATIENCE_MS = 15_000

expect.set_options(timeout=PATIENCE_MS)


# Ends with the module: while Playwright is open, no other event loop can run in this thread.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    assert CHROMIUM.exists(), "Chromium is missing: `make install-test` installs it"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def watch(platform: Platform) -> Iterator[Watch]:
    watch = Watch(platform.url)
    yield watch
    assert watch.faults == []


@pytest.fixture
def open_page(browser: Browser, platform: Platform, watch: Watch) -> Iterator[Open]:
    """Opens pages, each in a browser of its own: cookies and storage are not shared."""
    with ExitStack() as opened:

        def open_(person: Person | None = None, **options: Any) -> Page:
            settings = {
                "base_url": platform.url,
                "locale": "en-GB",
                "viewport": {"width": 1280, "height": 800},
                **options,
            }
            context = browser.new_context(**settings)
            opened.callback(context.close)
            context.set_default_timeout(PATIENCE_MS)
            if person is not None:
                form = {"username": person.email, "password": person.password}
                cookie = {"X-Session": "cookie"}
                answer = context.request.post("/auth/login", form=form, headers=cookie)
                assert answer.ok, answer.text()
            page = context.new_page()
            watch.follow(page)
            return page

        yield open_


@pytest.fixture
def page(open_page: Open) -> Page:
    """A page of somebody who is not signed in."""
    return open_page()


@pytest.fixture
def ada_page(open_page: Open, ada: Person) -> Page:
    """A page of `ada`, signed in."""
    return open_page(ada)


@pytest.fixture
def admin_page(open_page: Open, admin: Person) -> Page:
    """A page of the admin, signed in."""
    return open_page(admin)
