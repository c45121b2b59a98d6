"""Where data may go: the one guard that stands before everything that can carry it out.

LLM and embedding calls, vector stores, reranking, speech, mail, blob stores and fetching an address
all ask `require_allowed` before they send a byte. A region is a word the operator chose (`eu`,
`us`, ...); `local` is this machine, where the data already is, and therefore always allowed.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit
from uuid import UUID

import structlog

from baukasten_core.errors import ResidencyViolation

LOCAL = "local"
UNDECLARED = "undeclared"
"""The region of an address that nobody said anything about; never allowed."""

AUTHORITY = re.compile(r"([0-9.]+|[A-Za-z]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?")
"""A host without anything that parsers disagree about."""

Kind = Literal["llm", "embedding", "vectors", "reranking", "speech", "mail", "blobs", "fetch"]

log = structlog.get_logger("baukasten.gateway")


@dataclass(frozen=True, slots=True)
class Destination:
    """What would receive data: its kind, the name the operator gave it, and its region.

    `setting` is the setting that declares the region, for the sentence an operator reads.
    """

    kind: Kind
    name: str
    region: str
    setting: str = ""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refused call, for the audit log. No content."""

    destination: Destination
    residency: frozenset[str]
    tenant_id: UUID | None = None
    user_id: UUID | None = None
    project_id: UUID | None = None


OnRefused = Callable[[Refusal], Awaitable[None]]
"""Writes the audit entry."""


def region_of(url: str | None, declared: str | None = None) -> str:
    """The region of an address: what the operator declared, else `local` for a loopback address
    or a local path, else `undeclared`."""
    if declared and declared.strip():
        return declared.strip().lower()
    return LOCAL if url and is_on_this_machine(url) else UNDECLARED


def is_on_this_machine(url: str) -> bool:
    """Whether an address can only be this machine: loopback by number or `localhost`, a local
    file or memory.

    Strict on purpose: what two parsers could read differently counts as elsewhere.
    """
    if any(ord(char) <= 0x20 or ord(char) >= 0x7F or char == "\\" for char in url):
        return False
    if url.startswith("/") and not url.startswith("//"):
        return True
    try:
        parts = urlsplit(url)
        plain = AUTHORITY.fullmatch(parts.netloc) and parts.port != 0
    except ValueError:
        return False
    if parts.scheme in ("file", "memory", "local"):
        return not parts.netloc
    return parts.scheme in ("http", "https") and bool(plain) and _is_loopback(parts.hostname)


def _is_loopback(host: str | None) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


def is_allowed(region: str, residency: frozenset[str]) -> bool:
    """Whether data of this residency may be processed there."""
    return region == LOCAL or (region != UNDECLARED and region in residency)


def violation(destination: Destination, residency: frozenset[str]) -> ResidencyViolation:
    """The error for a destination that is not allowed."""
    allowed = ", ".join(f"`{region}`" for region in sorted({LOCAL, *residency}))
    if destination.region == UNDECLARED:
        detail = (
            f"Nobody has declared where `{destination.name}` processes data, and this data may be "
            f"processed in {allowed} only. Nothing was sent."
        )
        hint = f"The operator declares it with `{destination.setting}`."
        if not destination.setting:
            hint = "The operator declares its region in the settings."
    else:
        detail = (
            f"`{destination.name}` processes data in `{destination.region}`, and this data may be "
            f"processed in {allowed} only. Nothing was sent."
        )
        hint = (
            f"Choose a provider in {allowed}, or let an owner add `{destination.region}` to the "
            "tenant's residency."
        )
    return ResidencyViolation(detail, hint=hint, region=destination.region)


async def require_allowed(
    destination: Destination,
    residency: frozenset[str],
    *,
    on_refused: OnRefused | None = None,
    tenant_id: UUID | None = None,
    user_id: UUID | None = None,
    project_id: UUID | None = None,
) -> None:
    """Pass, or have the refusal written down and raise.

    Raises:
        ResidencyViolation: before anything was sent.
    """
    if is_allowed(destination.region, residency):
        return
    refusal = Refusal(destination, residency, tenant_id, user_id, project_id)
    await report(refusal, on_refused)
    raise violation(destination, residency)


async def report(refusal: Refusal, on_refused: OnRefused | None) -> None:
    """Have a refusal written down; that this fails must not let the data out."""
    destination = refusal.destination
    log.warning("residency refused", kind=destination.kind, region=destination.region)
    if on_refused is None:
        return
    try:
        await on_refused(refusal)
    except Exception as error:
        log.error("audit entry of a refusal not written", error=type(error).__name__)
