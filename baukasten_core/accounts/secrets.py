"""Random secrets that people and programs carry; only their SHA-256 is ever stored."""

from __future__ import annotations

import hashlib
from base64 import b64decode, urlsafe_b64encode
from dataclasses import dataclass
from secrets import token_bytes
from uuid import UUID

API_KEY_PREFIX = "bk_"
REFRESH_PREFIX = "br_"
_PART = 25
"""Bytes of each part; with the session's 16 they fill base64 without padding."""


def new_secret(prefix: str = "") -> str:
    """256 random bits, as text that fits into an address."""
    return prefix + _text(token_bytes(32))


def digest(secret: str | bytes) -> bytes:
    """What is stored. Random 256-bit secrets need no salt and no slow hash."""
    data = secret if isinstance(secret, bytes) else secret.encode("utf-8", "surrogatepass")
    return hashlib.sha256(data).digest()


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """A session's id, a secret that stays, and one that changes with every use.

    Whoever shows the right family with another `once` holds a token that was used before.
    """

    session_id: UUID
    family: bytes
    once: bytes

    @classmethod
    def new(cls, session_id: UUID) -> RefreshToken:
        return cls(session_id, token_bytes(_PART), token_bytes(_PART))

    def next(self) -> RefreshToken:
        return RefreshToken(self.session_id, self.family, token_bytes(_PART))

    @classmethod
    def parse(cls, text: str) -> RefreshToken | None:
        """None if it is none of ours."""
        if not text.startswith(REFRESH_PREFIX) or not text.isascii():
            return None
        try:
            data = b64decode(text.removeprefix(REFRESH_PREFIX), altchars=b"-_", validate=True)
        except ValueError:
            return None
        if len(data) != 16 + 2 * _PART:
            return None
        return cls(UUID(bytes=data[:16]), data[16 : 16 + _PART], data[16 + _PART :])

    def __str__(self) -> str:
        return REFRESH_PREFIX + _text(self.session_id.bytes + self.family + self.once)


def _text(data: bytes) -> str:
    return urlsafe_b64encode(data).decode().rstrip("=")
