"""The certified provider (npm's oidc-provider), and a browser that nobody looks at."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urljoin, urlsplit

import httpx
import pytest

from tests.nodejs import NODE

FOLDER = Path(__file__).parent
SECRET = "only-for-tests"


@contextmanager
def running_provider(platform: str, **environment: str) -> Iterator[str]:
    """The provider's issuer, while it runs. It sends browsers back to `platform` alone."""
    if not (FOLDER / "node_modules").exists():
        pytest.fail("tests/oidc/node_modules is missing: run `make install-test`")
    process = subprocess.Popen(
        [NODE, FOLDER / "server.mjs", platform],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield json.loads(process.stdout.readline())["issuer"]
    finally:
        process.stdin.close()
        process.wait(10)
        process.stdout.close()


class Browser:
    """Follows redirects between the platform and the provider, and fills in the provider's
    forms; remembers cookies, as a browser does."""

    def __init__(self, platform: httpx.AsyncClient, login: str) -> None:
        self.platform = platform
        self.home = str(platform.base_url).rstrip("/")
        self.elsewhere = httpx.AsyncClient()
        self.login = login

    async def open(self, url: str) -> httpx.Response:
        client = self.platform if url.startswith(self.home) else self.elsewhere
        return await client.get(url)

    async def go_there(self, url: str) -> str:
        """Sign in at the provider; the address it sends the browser back to."""
        for _ in range(20):
            response = await self.open(url)
            if response.status_code == 200:
                response = await self._submit(url, response.text)
            assert response.is_redirect, response.text
            url = urljoin(url, response.headers["location"])
            if url.startswith(self.home):
                return url
        raise AssertionError("the provider never sends the browser back")

    async def _submit(self, url: str, page: str) -> httpx.Response:
        action = re.search(r'<form[^>]*action="([^"]+)"', page)
        assert action, page
        fields = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page))
        if fields.get("prompt") == "login":
            fields |= {"login": self.login, "password": "anything"}
        return await self.elsewhere.post(urljoin(url, action[1]), data=fields)

    async def begin(self, site: str) -> str:
        response = await self.open(f"{self.home}/auth/oidc/{site}/login")
        assert response.status_code == 303, response.text
        return str(response.headers["location"])

    async def come_back(self, url: str) -> dict[str, str]:
        """The fragment that the platform sends the browser on with."""
        response = await self.open(url)
        assert response.status_code == 303, response.text
        assert response.headers["cache-control"] == "no-store"
        target = urlsplit(response.headers["location"])
        assert f"{target.scheme}://{target.netloc}{target.path}" == f"{self.home}/console/sign-in"
        assert not target.query
        return dict(parse_qsl(target.fragment))

    async def sign_in(self, site: str) -> dict[str, str]:
        return await self.come_back(await self.go_there(await self.begin(site)))

    async def tokens(self, fragment: Mapping[str, str]) -> dict[str, Any]:
        body = {"refresh_token": fragment["refresh_token"]}
        response = await self.platform.post("/auth/refresh", json=body)
        assert response.status_code == 200, response.text
        tokens: dict[str, Any] = response.json()
        return tokens

    async def me(self, fragment: Mapping[str, str]) -> dict[str, Any]:
        tokens = await self.tokens(fragment)
        headers = {"Authorization": f"Bearer {tokens['access_token']}"}
        response = await self.platform.get("/auth/me", headers=headers)
        assert response.status_code == 200
        me: dict[str, Any] = response.json()
        return me
