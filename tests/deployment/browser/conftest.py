"""A real browser before the real platform.

Every page is watched: no request may leave the platform, no script may fail, and nothing may try
what the pages' policy forbids. A test that provokes one of these says so with `watch.expects`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from baukasten_serve.testing import Platform
from playwright.sync_api import Browser, Page, expect, sync_playwright

from baukasten_core.testing.chromium import launched, sign_in
from baukasten_core.testing.people import Person
from tests.deployment.browser.watch import Open, Watch

PATIENCE_MS = 15_000

expect.set_options(timeout=PATIENCE_MS)


# Ends with the module: while Playwright is open, no other event loop can run in this thread.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = launched(playwright)
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

        def open_(
            person: Person | None = None, *, language: str | None = None, **options: Any
        ) -> Page:
            settings = {
                "base_url": platform.url,
                "locale": "en-GB",
                "viewport": {"width": 1280, "height": 800},
                **options,
            }
            context = browser.new_context(**settings)
            opened.callback(context.close)
            context.set_default_timeout(PATIENCE_MS)
            if language is not None:  # chosen on this device, whatever the account says
                stored = f"localStorage.setItem('baukasten.language', '{language}')"
                context.add_init_script(stored)
            if person is not None:
                sign_in(context, person)
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
