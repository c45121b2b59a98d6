"""Fetching a web address that somebody typed, without reaching anything that is not public."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import zlib
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from email.message import Message
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote

import httpcore
import httpx

from baukasten_core.documents.addresses import Address, Resolver, is_elsewhere, resolve
from baukasten_core.documents.limits import MIB, Limits
from baukasten_core.errors import Unprocessable

__all__ = ["Address", "Fetched", "Fetcher", "Resolver"]

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_WEB_PORTS = frozenset({80, 443})
_LONGEST_URL = 4096
_LARGEST_HEADER = 300
_CONNECT_SECONDS = 5.0
_PIECE = 1 << 16
_HEADERS = [
    (b"User-Agent", b"Baukasten"),
    (b"Accept", b"text/html,application/xhtml+xml,application/pdf,text/plain;q=0.9,*/*;q=0.5"),
    (b"Accept-Encoding", b"gzip, deflate"),
    (b"Connection", b"close"),
]


@dataclass(frozen=True, slots=True)
class Fetched:
    """What came from an address; the body is in the file `path`.

    Attributes:
        url: where it came from in the end, after redirects, without fragment.
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
        resolver: Resolver = resolve,
        allowed: Callable[[Address], bool] = is_elsewhere,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        """`resolver`, `allowed` and `ssl_context` are for tests and closed networks."""
        self.limits = limits or Limits()
        self._backend = _CheckedBackend(resolver, allowed)
        self._ssl_context = ssl_context

    async def fetch(self, url: str, into: Path) -> Fetched:
        """Fetch `url` into the file `into`, then give it to `Extractor.extract_fetched`.

        Raises:
            Unprocessable: not a public HTTP(S) address, can't be reached, too large, too slow,
                too many redirects, or an error status; the sentence says which.
        """
        try:
            async with asyncio.timeout(self.limits.fetch_seconds):
                return await self._follow(_parsed(url), into)
        except TimeoutError:
            raise Unprocessable(
                f"The address did not answer in full within {self.limits.fetch_seconds:g} s."
            ) from None
        except (httpcore.NetworkError, httpcore.TimeoutException, OSError, UnicodeError) as error:
            raise Unprocessable(_unreachable(error)) from None
        except (httpcore.ProtocolError, httpcore.UnsupportedProtocol, zlib.error):
            raise Unprocessable("The address does not answer in proper HTTP.") from None

    async def _follow(self, url: httpx.URL, into: Path) -> Fetched:
        context = self._ssl_context
        if context is None:
            context = self._ssl_context = await asyncio.to_thread(_tls)
        for _ in range(self.limits.redirects + 1):
            async with self._answer(url, context) as answer:
                if answer.status not in _REDIRECTS:
                    return await self._save(url, answer, into)
                location = _headers(answer).get("location")
            if not location:
                raise Unprocessable("The address redirects to nowhere.")
            url = _joined(url, location)
        raise Unprocessable(f"The address redirects more than {self.limits.redirects} times.")

    @contextlib.asynccontextmanager
    async def _answer(
        self, url: httpx.URL, context: ssl.SSLContext
    ) -> AsyncIterator[httpcore.Response]:
        """One request on a connection of its own."""
        target = httpcore.URL(
            scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
        )
        async with (
            httpcore.AsyncConnectionPool(context, network_backend=self._backend) as pool,
            pool.stream("GET", target, headers=[(b"Host", url.netloc), *_HEADERS]) as answer,
        ):
            yield answer

    async def _save(self, url: httpx.URL, answer: httpcore.Response, into: Path) -> Fetched:
        if not 200 <= answer.status < 300:
            raise Unprocessable(f"The address answered with status {answer.status}.")
        headers = _headers(answer)
        body = await self._body(answer, headers)
        if not body.strip():
            raise Unprocessable("The address answered with nothing.")
        await asyncio.to_thread(into.write_bytes, body)
        said = _typed(headers.get("content-type", ""))
        return Fetched(
            url=str(url.copy_with(fragment=None)),
            path=into,
            media_type=said.get_content_type() if "content-type" in headers else "",
            charset=said.get_content_charset(),
            filename=_filename(url, headers),
            size=len(body),
        )

    async def _body(self, answer: httpcore.Response, headers: httpx.Headers) -> bytes:
        most = self.limits.fetch_bytes
        unpack = _decoder(headers.get("content-encoding", ""))
        read, body = 0, bytearray()
        async for piece in answer.aiter_stream():
            read += len(piece)
            for part in unpack(piece):
                body += part
                if len(body) > most:
                    break
            if max(read, len(body)) > most:
                raise Unprocessable(
                    f"The address answers with more than {most // MIB} MiB, the limit here."
                )
        return bytes(body)


class _CheckedBackend(httpcore.AsyncNetworkBackend):
    """Connects to the address that was checked: the name is looked up once, here."""

    def __init__(self, resolver: Resolver, allowed: Callable[[Address], bool]) -> None:
        self._resolver = resolver
        self._allowed = allowed
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        addresses = await self._resolver(host.strip("[]"), port)
        if not addresses or not all(self._allowed(address) for address in addresses):
            raise _not_public()
        failure: Exception = OSError()
        for address in addresses:
            try:
                return await self._network.connect_tcp(str(address), port, _CONNECT_SECONDS)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure


# --- addresses --------------------------------------------------------------------------------


def _parsed(url: str) -> httpx.URL:
    """The address, if it is one that may be asked for at all."""
    if len(url) > _LONGEST_URL:
        raise Unprocessable(f"The address is longer than {_LONGEST_URL:,} characters.")
    try:
        parsed = httpx.URL(url.strip())
    except (httpx.InvalidURL, ValueError):
        raise Unprocessable("This is not an address.") from None
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise Unprocessable("Only addresses that begin with http:// or https:// can be read.")
    if parsed.userinfo:
        raise Unprocessable("An address with a user name or password in it can't be read.")
    port = parsed.port
    if port is not None and port not in _WEB_PORTS and not 1024 <= port <= 65535:
        raise Unprocessable(f"Port {port} is not one that web pages come from.")
    return parsed


def _joined(url: httpx.URL, location: str) -> httpx.URL:
    try:
        return _parsed(str(url.join(location)))
    except (httpx.InvalidURL, ValueError):
        raise Unprocessable("The address redirects to something that is no address.") from None


def _not_public() -> Unprocessable:
    return Unprocessable(
        "The address is not a public one.",
        hint="Only public web pages can be read. Save the page and upload the file instead.",
    )


def _unreachable(error: Exception) -> str:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return "The address can't be reached safely: its certificate is not valid."
        cause = cause.__cause__ or cause.__context__
    return "The address can't be reached."


# --- answers ----------------------------------------------------------------------------------


def _tls() -> ssl.SSLContext:
    return httpx.create_ssl_context(trust_env=False)


def _headers(answer: httpcore.Response) -> httpx.Headers:
    return httpx.Headers(answer.headers)


def _typed(value: str) -> Message:
    message = Message()
    message["Content-Type"] = value[:_LARGEST_HEADER]
    return message


def _filename(url: httpx.URL, headers: httpx.Headers) -> str:
    message = Message()
    message["Content-Disposition"] = headers.get("content-disposition", "")[:_LARGEST_HEADER]
    name = message.get_filename() or unquote(url.path)
    name = PurePosixPath(name.replace("\\", "/")).name
    return "".join(character for character in name if character.isprintable())[:255]


def _decoder(encoding: str) -> Callable[[bytes], Iterable[bytes]]:
    """Undoes a content encoding in pieces of bounded size, whatever a small one unpacks to."""
    match encoding.strip().lower():
        case "" | "identity":
            return lambda data: (data,)
        case "gzip" | "x-gzip" | "deflate":
            return _Inflater().feed
    raise Unprocessable("The address answers in an encoding that was not asked for.")


class _Inflater:
    """gzip, zlib or bare deflate, told by the first bytes."""

    def __init__(self) -> None:
        self._inflater: Any = None

    def feed(self, data: bytes) -> Iterable[bytes]:
        if self._inflater is None:
            bare = data[:1] not in (b"\x1f", b"\x78")
            self._inflater = zlib.decompressobj(-zlib.MAX_WBITS if bare else zlib.MAX_WBITS | 32)
        while data:
            yield self._inflater.decompress(data, _PIECE)
            data = self._inflater.unconsumed_tail
