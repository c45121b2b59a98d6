"""Where a request comes from, behind our own ingress or a proxy of the operator's."""

from __future__ import annotations

import ipaddress

from fastapi import Request

UNKNOWN = "unknown"


def client_address(request: Request) -> str:
    """The client's address.

    `X-Forwarded-For` counts only from a peer on this machine or in its own network: the ingress,
    which overwrites what strangers send, or the operator's proxy, which appends; so its last
    entry is the one that somebody we trust has written.
    """
    peer = request.client.host if request.client else ""
    forwarded = request.headers.get("x-forwarded-for", "").rpartition(",")[2].strip()
    if forwarded and _is_near(peer):
        return _normal(forwarded) or peer
    return _normal(peer) or peer or UNKNOWN


def _is_near(peer: str) -> bool:
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return peer == ""
    return address.is_loopback or address.is_private


def _normal(text: str) -> str:
    """One spelling an address; an IPv6 client has a whole /64 network to try from."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return ""
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address, 64), strict=False))
