"""What an API key may do. A signed-in person has no scopes: their role alone decides."""

from __future__ import annotations

from collections.abc import Iterable

from baukasten_core.contracts.auth import Principal
from baukasten_core.errors import Forbidden, Unprocessable

SCOPES = {
    "read": "read projects, documents, chats and what showcases made of them; search",
    "write": "create, change and delete these, and start work on them",
    "llm": "ask and embed through /llm and /v1",
    "admin": "what admins may do, if the key's owner is one",
}
DEFAULT_SCOPES = ("read", "write", "llm")

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
ACCOUNT_PATHS = ("/auth", "/users", "/tenants")


def check_scopes(scopes: Iterable[str]) -> list[str]:
    """The scopes in their usual order. Raises `Unprocessable` for unknown ones or none."""
    wanted = set(scopes)
    unknown = sorted(wanted - SCOPES.keys())
    if unknown or not wanted:
        what = f"unknown scopes: {', '.join(unknown)}" if unknown else "a key needs a scope"
        raise Unprocessable(f"{what}; there are: {', '.join(SCOPES)}")
    return [scope for scope in SCOPES if scope in wanted]


def needed_scope(method: str, path: str) -> str | None:
    """The scope a key needs for a request; None where only a signed-in person may."""
    first = "/" + path.lstrip("/").split("/", 1)[0]
    if first == "/admin":
        return "admin"
    if first in ("/llm", "/v1"):
        return "llm"
    if first in ACCOUNT_PATHS:
        return "read" if method in SAFE_METHODS else None
    if method in SAFE_METHODS or path.rstrip("/").endswith("/search"):
        return "read"
    return "write"


def require_scope(principal: Principal, needed: str | None) -> None:
    """Refuse what the principal's API key does not allow; None: no key may do it."""
    if principal.scopes is None:
        return
    if needed is None:
        raise Forbidden("An API key can't change accounts; sign in to do this.")
    if needed not in principal.scopes:
        raise Forbidden(
            f"This API key lacks the scope `{needed}`.",
            hint=f"It has: {', '.join(sorted(principal.scopes))}. Make one with more.",
        )
