"""Which network addresses a stranger may make this machine talk to: public ones, nothing else."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

Address = IPv4Address | IPv6Address
Resolver = Callable[[str, int], Awaitable[Sequence[Address]]]
"""(host, port) -> its addresses. Raises OSError where there are none."""

# IANA's special-purpose registries, written out: `is_global` differs between Python versions.
_NOT_PUBLIC_4 = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/3",
    )
)
_PUBLIC_6 = IPv6Network("2000::/3")
# Teredo and other protocol assignments, documentation, 6to4 (it carries an IPv4 address),
# documentation again. What is outside 2000::/3 (loopback, mapped, NAT64, local) is never public.
_NOT_PUBLIC_6 = tuple(
    IPv6Network(network)
    for network in ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20")
)


def is_public(address: Address) -> bool:
    """Whether this is a globally routable unicast address."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _NOT_PUBLIC_4)
    if address.scope_id is not None or address not in _PUBLIC_6:
        return False
    return not any(address in network for network in _NOT_PUBLIC_6)


def is_elsewhere(address: Address) -> bool:
    """Whether the address is public and none of this machine's own: what listens here may be
    closed to the world by a firewall that does not see us.
    """
    return is_public(address) and address not in own_addresses()


def own_addresses() -> set[Address]:
    """The addresses of this machine's network interfaces."""
    import psutil

    families = (socket.AF_INET, socket.AF_INET6)
    return {
        ipaddress.ip_address(entry.address.partition("%")[0])
        for entries in psutil.net_if_addrs().values()
        for entry in entries
        if entry.family in families
    }


async def resolve(host: str, port: int) -> Sequence[Address]:
    """The host's addresses from the system's resolver, in its order."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [ipaddress.ip_address(item[4][0]) for item in found]
