"""Where a request comes from, behind our own ingress and proxies of the operator's."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from fastapi import Request

UNKNOWN = "unknown"

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def client_address(request: Request, trusted: Sequence[Network] = ()) -> str:
    """The client's address: the last one on the way here that is no proxy we trust.

    Each proxy, our ingress first of all, writes at the end of `X-Forwarded-For` whom it saw; what
    stands before that is whatever the client claims. So the list is read from its end, as long as
    who wrote it is this machine or one of `trusted` (`server.trusted_proxies`).
    """
    peer = request.client.host if request.client else ""
    nearest = _parsed(peer)
    if nearest is None and peer:
        return peer
    for hop in reversed(_forwarded(request)):
        if not (nearest is None or nearest.is_loopback or any(nearest in net for net in trusted)):
            break
        said = _parsed(hop)
        if said is None:
            break
        nearest = said
    return _normal(nearest) if nearest else UNKNOWN


def _forwarded(request: Request) -> list[str]:
    lines = request.headers.getlist("x-forwarded-for")
    return [hop.strip() for line in lines for hop in line.split(",")]


def _parsed(text: str) -> Address | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _normal(address: Address) -> str:
    """One spelling an address; an IPv6 client has a whole /64 network to try from."""
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    return str(ipaddress.ip_network((address, 64), strict=False))
