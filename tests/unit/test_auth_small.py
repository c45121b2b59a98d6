"""Small parts of authentication: client addresses, sealed values, scopes, mail addresses."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from fastapi import Request

from baukasten_core.accounts.scopes import check_scopes, needed_scope
from baukasten_core.accounts.secrets import RefreshToken
from baukasten_core.accounts.users import normal_email
from baukasten_core.errors import Unprocessable
from baukasten_core.http.addresses import client_address
from baukasten_core.http.sealed import Sealer

TRUSTED = (ip_network("10.0.0.0/24"), ip_network("2001:db8::/32"))


def request_from(peer: str | None, *forwarded: str) -> Request:
    headers = [(b"x-forwarded-for", line.encode()) for line in forwarded]
    client = (peer, 1234) if peer is not None else None
    return Request({"type": "http", "headers": headers, "client": client})


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("203.0.113.5", [], "203.0.113.5"),
        ("8.8.8.8", ["1.2.3.4"], "8.8.8.8"),
        ("127.0.0.1", ["1.2.3.4"], "1.2.3.4"),
        ("127.0.0.1", ["9.9.9.9, 1.2.3.4"], "1.2.3.4"),
        ("127.0.0.1", ["9.9.9.9", "1.2.3.4"], "1.2.3.4"),
        # Our ingress saw a proxy that is trusted, and one that is not.
        ("127.0.0.1", ["9.9.9.9, 1.2.3.4, 10.0.0.7"], "1.2.3.4"),
        ("127.0.0.1", ["1.2.3.4, 10.0.1.7"], "10.0.1.7"),
        ("127.0.0.1", ["1.2.3.4, ::ffff:10.0.0.7"], "1.2.3.4"),
        ("127.0.0.1", ["1.2.3.4, 2001:db8::9, 127.0.0.1"], "1.2.3.4"),
        ("10.0.0.7", ["1.2.3.4"], "1.2.3.4"),
        ("192.168.0.7", ["1.2.3.4"], "192.168.0.7"),
        ("127.0.0.1", ["nonsense"], "127.0.0.1"),
        ("127.0.0.1", ["1.2.3.4, nonsense, 10.0.0.7"], "10.0.0.7"),
        ("127.0.0.1", ["1.2.3.4,"], "127.0.0.1"),
        ("127.0.0.1", [], "127.0.0.1"),
        ("::1", ["2606:4700::1111"], "2606:4700::/64"),
        ("2606:4700:0:1:2:3:4:5", [], "2606:4700:0:1::/64"),
        ("::ffff:1.2.3.4", [], "1.2.3.4"),
        (None, ["1.2.3.4"], "1.2.3.4"),  # a socket of this machine
        (None, [], "unknown"),
        ("testclient", ["1.2.3.4"], "testclient"),
    ],
)
def test_the_clients_address_is_what_somebody_we_trust_says(
    peer: str | None, forwarded: list[str], address: str
) -> None:
    assert client_address(request_from(peer, *forwarded), TRUSTED) == address


def test_what_is_sealed_opens_unchanged_and_for_its_purpose_alone() -> None:
    sealer = Sealer("a secret", "one purpose")
    sealed = sealer.seal({"state": "s"}, 60)
    assert sealer.open(sealed) == {"state": "s"}
    assert Sealer("a secret", "another").open(sealed) is None
    assert Sealer("another secret", "one purpose").open(sealed) is None
    assert sealer.open(sealer.seal({"state": "s"}, 0)) is None
    for broken in (None, "", "a.b.c.d.e", sealed[:-2], sealed + "x", "ü"):
        assert sealer.open(broken) is None


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", "/projects", "read"),
        ("POST", "/projects", "write"),
        ("POST", "/documents/search", "read"),
        ("DELETE", "/documents/1", "write"),
        ("POST", "/llm/generate", "llm"),
        ("GET", "/v1/models", "llm"),
        ("POST", "/v1/chat/completions", "llm"),
        ("GET", "/admin/users", "admin"),
        ("PATCH", "/admin/users/1", "admin"),
        ("GET", "/auth/me", "read"),
        ("POST", "/auth/api-keys", None),
        ("PATCH", "/users/me", None),
        ("POST", "/tenants", None),
        ("POST", "/users/me/search", None),
        ("GET", "/a_showcase/projects/1", "read"),
        ("POST", "/a_showcase/projects/1/ask", "write"),
    ],
)
def test_every_request_of_a_key_needs_a_scope(method: str, path: str, scope: str | None) -> None:
    assert needed_scope(method, path) == scope


def test_scopes_are_known_ones_each_once() -> None:
    assert check_scopes(["write", "read", "write"]) == ["read", "write"]
    for wrong in ([], ["everything"], ["read", ""]):
        with pytest.raises(Unprocessable, match="read, write, llm, admin"):
            check_scopes(wrong)


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        (" Some.Body@Example.ORG ", "some.body@example.org"),
        ("admin@baukasten.local", "admin@baukasten.local"),
        ("a@Host.Test", "a@host.test"),
        ("a@localhost", "a@localhost"),
        ("Ä@exämple.org", "ä@exämple.org"),
    ],
)
def test_addresses_are_stored_in_one_spelling(given: str, stored: str) -> None:
    assert normal_email(given) == stored


@pytest.mark.parametrize(
    "given",
    ["", "a", "@", "a@", "@b.org", "a@b@c", "a b@c.org", "a@b.invalid", "a\n@b.org", "a@[::1]"],
)
def test_what_is_no_address_is_refused(given: str) -> None:
    with pytest.raises(Unprocessable, match="not a mail address"):
        normal_email(given)


def test_a_refresh_token_reads_back_and_nothing_else_does() -> None:
    from uuid import uuid4

    token = RefreshToken.new(uuid4())
    assert RefreshToken.parse(str(token)) == token
    assert RefreshToken.parse(str(token.next())) != token
    for text in ("", "br_", str(token)[:-4], str(token) + "AAAA", str(token)[3:], "br_" + "é" * 88):
        assert RefreshToken.parse(text) is None
