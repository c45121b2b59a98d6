"""Watches what pages do that they may not."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from playwright.sync_api import ConsoleMessage, Page, Request

POLICY = re.compile("Content Security Policy|violates")


@dataclass
class Watch:
    """What a page did that it may not do; checked at a test's end."""

    origin: str
    seen: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)

    def expects(self, pattern: str) -> None:
        """What matches is no fault in this test."""
        self.expected.append(pattern)

    def follow(self, page: Page) -> None:
        page.on("request", self._on_request)
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self.seen.append(f"script failed: {error}"))

    def _on_request(self, request: Request) -> None:
        if not request.url.startswith((self.origin + "/", "blob:")):
            self.seen.append(f"request left the platform: {request.url}")

    def _on_console(self, message: ConsoleMessage) -> None:
        if POLICY.search(message.text):
            self.seen.append(f"against the policy: {message.text}")

    @property
    def faults(self) -> list[str]:
        known = [re.compile(pattern) for pattern in self.expected]
        return [fault for fault in self.seen if not any(one.search(fault) for one in known)]


Open = Callable[..., Page]
"""(person=None, **options of a browser context) -> a page at `/`, signed in as the person."""
