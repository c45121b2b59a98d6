"""Addresses are fetched from the public web, and nothing else can be reached through them.

Loopback stands for the public web here: the fetcher under test is told that 127.0.0.2 is
public, and keeps refusing every other address.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import gzip
import ssl
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, ip_address
from pathlib import Path

import pytest

from baukasten_core import errors
from baukasten_core.documents.addresses import Address
from baukasten_core.documents.fetch import Fetched, Fetcher, _decoder
from baukasten_core.documents.limits import MIB, Limits

PUBLIC = IPv4Address("127.0.0.2")
PRIVATE = IPv4Address("127.0.0.1")
LIMITS = Limits(fetch_seconds=10, fetch_bytes=MIB)

Handler = Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Web:
    """A server that answers raw bytes, and remembers what it was asked."""

    port: int = 0
    answers: dict[str, bytes | Handler] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)

    def url(self, path: str = "/", host: str = "public.example", scheme: str = "http") -> str:
        return f"{scheme}://{host}:{self.port}{path}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            self.requests.append(head)
            answer = self.answers.get(head.split()[1], page(b"", status="404 Not Found"))
            if callable(answer):
                await answer(writer)
            else:
                writer.write(answer)
                await writer.drain()
        writer.close()


def page(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


def redirect(to: str, status: str = "302 Found") -> bytes:
    return page(b"", f"Location: {to}", status=status)


@contextlib.asynccontextmanager
async def serving(
    address: IPv4Address = PUBLIC, context: ssl.SSLContext | None = None
) -> AsyncIterator[Web]:
    web = Web()
    server = await asyncio.start_server(web.serve, str(address), 0, ssl=context)
    web.port = server.sockets[0].getsockname()[1]
    try:
        yield web
    finally:
        server.close()


@pytest.fixture
async def web() -> AsyncIterator[Web]:
    async with serving() as web:
        yield web


@pytest.fixture
async def private() -> AsyncIterator[Web]:
    """What must never be reached: it would answer anything."""
    async with serving(PRIVATE) as web:
        web.answers["/"] = page(b"internal")
        yield web
        assert web.requests == []


class Names:
    """A resolver with the given answers, one a question; the last one stays."""

    def __init__(self, *answers: Iterable[Address]) -> None:
        self._answers = [list(answer) for answer in answers]
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> list[Address]:
        self.asked.append(host)
        with contextlib.suppress(ValueError):
            return [ip_address(host)]
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


def fetcher(
    *answers: Iterable[Address], limits: Limits = LIMITS, context: ssl.SSLContext | None = None
) -> Fetcher:
    names = Names(*answers or [[PUBLIC]])
    return Fetcher(
        limits, resolver=names, allowed=lambda address: address == PUBLIC, ssl_context=context
    )


async def refused(fetching: Awaitable[Fetched], sentence: str) -> None:
    with pytest.raises(errors.Unprocessable) as caught:
        await fetching
    assert sentence in caught.value.detail


# --- what comes back --------------------------------------------------------------------------


async def test_a_page_comes_with_what_the_server_says(web: Web, tmp_path: Path) -> None:
    body = "<p>Grüße</p>".encode("latin-1")
    web.answers["/a%20b/page?q=1"] = page(body, "Content-Type: text/HTML; Charset=ISO-8859-1")
    fetched = await fetcher().fetch(web.url("/a b/page?q=1#part"), tmp_path / "body")
    assert fetched.path.read_bytes() == body
    assert (fetched.media_type, fetched.charset) == ("text/html", "iso-8859-1")
    assert (fetched.filename, fetched.size) == ("page", len(body))
    assert fetched.url == web.url("/a%20b/page?q=1")


async def test_the_request_names_the_host_and_nothing_about_us(
    web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    web.answers["/"] = page(b"", "Location: /2", "Set-Cookie: a=b", status="302 Found")
    web.answers["/2"] = page(b"text")
    await fetcher().fetch(web.url(), tmp_path / "body")
    head = web.requests[1].lower()
    assert f"host: public.example:{web.port}\r\n" in head
    assert "cookie" not in head
    assert "referer" not in head
    assert "authorization" not in head


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ('Content-Disposition: attachment; filename="report.pdf"', "report.pdf"),
        ('Content-Disposition: attachment; filename="../../etc/x.txt"', "x.txt"),
        ("Content-Disposition: attachment; filename*=utf-8''Gr%C3%BC%C3%9Fe.txt", "Grüße.txt"),
        ("X-Nothing: 1", "name.html"),
    ],
)
async def test_a_file_name_is_a_name(web: Web, tmp_path: Path, header: str, name: str) -> None:
    web.answers["/path/name.html"] = page(b"text", header)
    fetched = await fetcher().fetch(web.url("/path/name.html"), tmp_path / "body")
    assert fetched.filename == name


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [
        ("gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("deflate", lambda data: zlib.compress(data, wbits=-15)),
    ],
)
async def test_compressed_answers_are_unpacked(
    web: Web, tmp_path: Path, encoding: str, pack: Callable[[bytes], bytes]
) -> None:
    body = b"some text, " * 50_000
    web.answers["/"] = page(pack(body), f"Content-Encoding: {encoding}")
    fetched = await fetcher().fetch(web.url(), tmp_path / "body")
    assert fetched.path.read_bytes() == body


async def test_redirects_are_followed_within_reason(web: Web, tmp_path: Path) -> None:
    for n in range(10):
        web.answers[f"/{n}"] = redirect(f"{n + 1}")
    web.answers["/5"] = page(b"arrived")
    fetched = await fetcher().fetch(web.url("/0"), tmp_path / "body")
    assert (fetched.url, fetched.path.read_bytes()) == (web.url("/5"), b"arrived")
    web.answers["/5"] = redirect("/0")
    await refused(fetcher().fetch(web.url("/0"), tmp_path / "body"), "redirects more than 5 times")


# --- what is never reached --------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://public.example/",
        "gopher://public.example/",
        "javascript:alert(1)",
        "data:text/html,x",
        "//public.example/",
        "public.example",
        "http://",
        "http:///path",
        "http://user:secret@public.example/",
        "http://public.example:22/",
        "http://public.example:99999/",
        "http://[::1",
        "http://a b/",
        "http://public.example/" + "x" * 5000,
        "",
    ],
)
async def test_only_web_addresses_are_taken(url: str, tmp_path: Path) -> None:
    with pytest.raises(errors.Unprocessable):
        await fetcher().fetch(url, tmp_path / "body")
    assert not (tmp_path / "body").exists()


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "127.1",
        "0.0.0.0",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::]",
        "①②⑦.0.0.1",
    ],
)
async def test_this_machine_is_not_reached_under_any_of_its_names(
    private: Web, tmp_path: Path, host: str
) -> None:
    """With the real resolver and the real rule."""
    with pytest.raises(errors.Unprocessable):
        await Fetcher(LIMITS).fetch(private.url(host=host), tmp_path / "body")


async def test_one_private_address_among_public_ones_is_enough(
    web: Web, private: Web, tmp_path: Path
) -> None:
    fetching = fetcher([PUBLIC, PRIVATE]).fetch(web.url(), tmp_path / "body")
    await refused(fetching, "not a public one")
    assert web.requests == []


async def test_a_name_without_addresses_is_refused(tmp_path: Path) -> None:
    await refused(fetcher([]).fetch("http://public.example/", tmp_path / "body"), "not a public")


@pytest.mark.parametrize("to", ["http://127.0.0.1:{port}/", "//127.0.0.1:{port}/"])
async def test_a_redirect_to_a_private_address_is_refused(
    web: Web, private: Web, tmp_path: Path, to: str
) -> None:
    web.answers["/"] = redirect(to.format(port=private.port))
    await refused(fetcher().fetch(web.url(), tmp_path / "body"), "not a public one")


@pytest.mark.parametrize("to", ["file:///etc/passwd", "ftp://public.example/", "http://[", ""])
async def test_a_redirect_to_no_web_address_is_refused(web: Web, tmp_path: Path, to: str) -> None:
    web.answers["/"] = redirect(to)
    with pytest.raises(errors.Unprocessable):
        await fetcher().fetch(web.url(), tmp_path / "body")


async def test_the_connection_goes_to_the_address_that_was_checked(
    web: Web, private: Web, tmp_path: Path
) -> None:
    """A name server that gives a second answer is not asked for it."""
    web.answers["/"] = page(b"from the checked address")
    names = Names([PUBLIC], [PRIVATE])
    under_test = Fetcher(LIMITS, resolver=names, allowed=lambda address: address == PUBLIC)
    fetched = await under_test.fetch(web.url(), tmp_path / "body")
    assert fetched.path.read_bytes() == b"from the checked address"
    assert names.asked == ["public.example"]


async def test_a_second_answer_after_a_redirect_is_checked_anew(
    web: Web, private: Web, tmp_path: Path
) -> None:
    web.answers["/"] = redirect(private.url())
    fetching = fetcher([PUBLIC], [PRIVATE]).fetch(web.url(), tmp_path / "body")
    await refused(fetching, "not a public one")


# --- bad servers ------------------------------------------------------------------------------


async def endless(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
    while True:
        writer.write(b"x" * 65536)
        await writer.drain()


async def dripping(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.05)


async def silent(writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(60)


async def test_an_endless_body_ends_at_the_limit(web: Web, tmp_path: Path) -> None:
    web.answers["/"] = endless
    await refused(fetcher().fetch(web.url(), tmp_path / "body"), "more than 1 MiB")


async def test_a_small_body_that_unpacks_to_a_large_one_ends_at_the_limit(
    web: Web, tmp_path: Path
) -> None:
    web.answers["/"] = page(gzip.compress(b" " * (200 * MIB)), "Content-Encoding: gzip")
    await refused(fetcher().fetch(web.url(), tmp_path / "body"), "more than 1 MiB")


async def test_a_piece_of_a_body_never_unpacks_to_much_at_once() -> None:
    unpack = _decoder("gzip")
    pieces = list(unpack(gzip.compress(b" " * (10 * MIB))))
    assert sum(map(len, pieces)) == 10 * MIB
    assert max(map(len, pieces)) <= 65536


@pytest.mark.parametrize("server", [dripping, silent])
async def test_a_slow_server_is_given_up(web: Web, tmp_path: Path, server: Handler) -> None:
    web.answers["/"] = server
    slow = fetcher(limits=replace(LIMITS, fetch_seconds=0.3))
    await refused(slow.fetch(web.url(), tmp_path / "body"), "within 0.3 s")


async def test_a_slow_name_server_is_given_up(tmp_path: Path) -> None:
    async def never(host: str, port: int) -> list[Address]:
        await asyncio.sleep(60)
        return []

    slow = Fetcher(replace(LIMITS, fetch_seconds=0.3), resolver=never)
    await refused(slow.fetch("http://public.example/", tmp_path / "body"), "within 0.3 s")


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (page(b"no", status="404 Not Found"), "status 404"),
        (page(b"no", status="503 Service Unavailable"), "status 503"),
        (page(b""), "with nothing"),
        (page(b"", status="302 Found"), "redirects to nowhere"),
        (page(b"not gzip", "Content-Encoding: gzip"), "proper HTTP"),
        (page(b"x", "Content-Encoding: br"), "encoding that was not asked for"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\ncut off", "proper HTTP"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "proper HTTP"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 50_000 + b"\r\n", "proper HTTP"),
        (b"", "proper HTTP"),
    ],
)
async def test_what_a_bad_server_does_is_said(
    web: Web, tmp_path: Path, answer: bytes, sentence: str
) -> None:
    web.answers["/"] = answer
    await refused(fetcher().fetch(web.url(), tmp_path / "body"), sentence)
    assert not (tmp_path / "body").exists()


async def test_a_name_that_can_be_no_name_is_said(tmp_path: Path) -> None:
    fetching = Fetcher(LIMITS).fetch(f"http://{'a' * 64}.example/", tmp_path / "body")
    await refused(fetching, "can't be reached")


async def test_a_server_that_is_not_there_is_said(web: Web, tmp_path: Path) -> None:
    async with serving() as gone:
        pass
    await refused(fetcher().fetch(gone.url(), tmp_path / "body"), "can't be reached")


# --- TLS --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "sentence"), [("public.example", None), ("other.example", "certificate is not valid")]
)
async def test_the_certificate_must_be_the_hosts(
    tmp_path: Path, name: str, sentence: str | None
) -> None:
    server, client = certified(name, tmp_path)
    asked: list[str | None] = []
    server.sni_callback = lambda socket, host, context: asked.append(host)
    async with serving(context=server) as web:
        web.answers["/"] = page(b"safe")
        fetching = fetcher(context=client).fetch(web.url(scheme="https"), tmp_path / "body")
        if sentence:
            await refused(fetching, sentence)
        else:
            assert (await fetching).path.read_bytes() == b"safe"
    assert asked == ["public.example"]


def certified(name: str, folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's context with a certificate for `name`, and a client's that trusts it."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = folder / "server.pem"
    pem.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(pem)
    return server, ssl.create_default_context(cafile=pem)
