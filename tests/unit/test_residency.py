"""Which addresses count as this machine, and who may send data where."""

from __future__ import annotations

import ipaddress
from uuid import uuid4

import httpx
import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from baukasten_core.errors import ResidencyViolation
from baukasten_core.gateway.residency import (
    LOCAL,
    UNDECLARED,
    Destination,
    Refusal,
    is_allowed,
    region_of,
    require_allowed,
)

ADDRESSES = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6))
PORTS = st.integers(1, 65535)


def url_of(address: ipaddress.IPv4Address | ipaddress.IPv6Address, port: int) -> str:
    host = f"[{address}]" if address.version == 6 else str(address)
    return f"http://{host}:{port}/v1"


@given(ADDRESSES, PORTS)
def test_a_numeric_address_is_local_exactly_when_it_is_loopback(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address, port: int
) -> None:
    expected = LOCAL if address.is_loopback else UNDECLARED
    assert region_of(url_of(address, port)) == expected


@given(st.ip_addresses(network="127.0.0.0/8"), PORTS)
def test_all_of_127_is_loopback(address: ipaddress.IPv4Address, port: int) -> None:
    assert region_of(url_of(address, port)) == LOCAL


@given(st.from_regex(r"[a-z0-9-]{1,20}(\.[a-z0-9-]{1,10}){0,3}", fullmatch=True))
def test_a_name_other_than_localhost_is_elsewhere(name: str) -> None:
    url = f"http://{name}:8000/"
    try:
        loopback = ipaddress.ip_address(name).is_loopback
    except ValueError:
        loopback = name == "localhost"
    assert (region_of(url) == LOCAL) == loopback


@given(
    st.text("abl0127.:/@?#[]\\%host é\t\n", max_size=12),
    st.sampled_from(["localhost", "127.0.0.1", "[::1]", "127.0.0.1:80"]),
    st.text("abl0127.:/@?#[]\\%cm é\t\n", max_size=12),
)
def test_what_counts_as_local_is_local_for_the_clients_that_connect(
    before: str, host: str, after: str
) -> None:
    url = f"http://{before}{host}{after}"
    if region_of(url) != LOCAL:
        return
    for parsed in (httpx.URL(url).host, httpx2.URL(url).host):
        assert parsed == "localhost" or ipaddress.ip_address(parsed).is_loopback


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:11434",
        "http://LOCALHOST:11434",
        "https://127.0.0.1/",
        "http://[::1]:8080/v1",
        "file:///var/lib/blobs",
        "/var/lib/blobs",
        "memory://",
    ],
)
def test_this_machine(url: str) -> None:
    assert region_of(url) == LOCAL


@pytest.mark.parametrize(
    "url",
    [
        "",
        "http://[::1]]/",
        "http://127.0.0.1:99999/",
        "http://",
        "http://0.0.0.0:8000",
        "http://[::]:8000",
        "http://2130706433/",
        "http://127.1/",
        "http://0x7f.0.0.1/",
        "http://0177.0.0.1/",
        "http://localhost.example.org/",
        "http://example.org#@127.0.0.1/",
        "http://127.0.0.1@example.org/",
        "http://127.0.0.1\\@example.org/",
        "http://example.org/127.0.0.1",
        "http://10.0.0.5:8000",
        "http://192.168.1.1",
        "http://[::1%25eth0]/",
        "//localhost/share",
        "file://server/share",
        "s3://localhost/bucket",
        "localhost:11434",
        "http://ⓛocalhost/",
    ],
)
def test_elsewhere_until_declared(url: str) -> None:
    assert region_of(url) == UNDECLARED
    assert region_of(url, " EU ") == "eu"


def test_a_declaration_goes_before_loopback() -> None:
    """A proxy on this machine that passes requests on is where it passes them to."""
    assert region_of("http://127.0.0.1:4000", "us") == "us"
    assert region_of("http://127.0.0.1:4000", "") == LOCAL


@given(st.frozensets(st.sampled_from(["eu", "us", "ch", UNDECLARED])))
def test_local_is_always_allowed_and_undeclared_never(residency: frozenset[str]) -> None:
    assert is_allowed(LOCAL, residency)
    assert not is_allowed(UNDECLARED, residency)
    assert is_allowed("eu", residency) == ("eu" in residency)


async def test_a_refusal_is_written_down_before_it_is_raised() -> None:
    seen: list[Refusal] = []

    async def write(refusal: Refusal) -> None:
        seen.append(refusal)

    tenant = uuid4()
    with pytest.raises(ResidencyViolation, match=r"in `us`.*Nothing was sent") as error:
        await require_allowed(
            Destination("mail", "smtp", "us"),
            frozenset({"local"}),
            on_refused=write,
            tenant_id=tenant,
        )
    assert error.value.status == 403
    assert [(r.tenant_id, r.destination.region) for r in seen] == [(tenant, "us")]


async def test_a_refusal_stands_when_it_cannot_be_written_down() -> None:
    async def broken(refusal: Refusal) -> None:
        raise OSError("no database")

    with pytest.raises(ResidencyViolation, match="Nobody has declared"):
        await require_allowed(
            Destination("llm", "box", UNDECLARED, "llm.instances.box.region"),
            frozenset({"local", "eu"}),
            on_refused=broken,
        )


async def test_what_is_allowed_passes_in_silence() -> None:
    async def never(refusal: Refusal) -> None:
        raise AssertionError("nothing was refused")

    await require_allowed(Destination("llm", "a", LOCAL), frozenset(), on_refused=never)
    await require_allowed(Destination("llm", "a", "eu"), frozenset({"eu"}), on_refused=never)
