"""Access tokens: short-lived JWTs (HS256, joserfc) that name a session.

A token says which session it belongs to and nothing about rights: those are read from the
database, so that logging out works at once, on every replica (see `db.remembered`).
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from uuid import UUID

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

ALGORITHM = "HS256"


@dataclass(frozen=True)
class AccessTokens:
    """Issues and reads access tokens; `lifetime` in seconds."""

    key: OctKey
    lifetime: int

    @classmethod
    def from_secret(cls, secret: str, *, lifetime: int) -> AccessTokens:
        return cls(OctKey.import_key(secret), lifetime)

    def issue(self, session_id: UUID, user_id: UUID) -> str:
        now = int(time.time())
        claims = {"sid": str(session_id), "sub": str(user_id), "iat": now}
        return jwt.encode({"alg": ALGORITHM}, {**claims, "exp": now + self.lifetime}, self.key)

    def session_of(self, token: str) -> UUID | None:
        """The session a valid, unexpired token names, else None."""
        try:
            claims = jwt.decode(token, self.key, algorithms=[ALGORITHM]).claims
            if float(claims["exp"]) <= time.time():
                return None
            return UUID(claims["sid"])
        except (JoseError, KeyError, TypeError, ValueError):
            return None
