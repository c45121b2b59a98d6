"""Fetching a web address that somebody typed, without reaching anything that is not public."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

from baukasten_core.documents.limits import Limits

Address = IPv4Address | IPv6Address
Resolver = Callable[[str, int], Awaitable[Sequence[Address]]]
"""(host, port) -> its addresses."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What came from an address; the body is in the file `path`.

    Attributes:
        url: where it came from in the end, after redirects, without user, password, fragment.
        media_type: as the server says, without parameters, lower case; may be empty.
        charset: as the server says, or None.
        filename: from Content-Disposition or the address's path; may be empty.
        size: bytes of the body, decompressed.
    """

    url: str
    path: Path
    media_type: str
    charset: str | None
    filename: str
    size: int


class Fetcher:
    """Fetches public HTTP(S) addresses. Cookies, proxies and sign-ins are never used.

    The host's addresses are looked up once, every one of them must be allowed, and the
    connection goes to the very address that was checked. Each redirect is checked anew.
    """

    def __init__(
        self,
        limits: Limits | None = None,
        *,
        resolver: Resolver | None = None,
        allowed: Callable[[Address], bool] | None = None,
    ) -> None:
        """`resolver` and `allowed` (default: only globally routable unicast) are for tests."""
        self.limits = limits or Limits()
        self._resolver = resolver
        self._allowed = allowed

    async def fetch(self, url: str, into: Path) -> Fetched:
        """Fetch `url` into the file `into`, then give it to `Extractor.extract(url=...)`.

        Raises:
            Unprocessable: not a public HTTP(S) address, can't be reached, too large, too slow,
                too many redirects, or an error status; the sentence says which.
        """
        raise NotImplementedError
