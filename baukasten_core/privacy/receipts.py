"""Receipts of erasures: what was erased, provable later, and naming nobody.

The audit log keeps the receipt. The person gets it signed: its `sha256` is that of the kept one,
and whoever knows the account's id can show that it was theirs, because `subject` is the SHA-256
of `<receipt>:<user id>`.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import OctKey
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from baukasten_core.errors import NotFound

ALGORITHM = "HS256"
RECEIPT = text("SELECT core.erasure_receipt(:id)")
SHORT = ("receipt", "erased_at", "subject", "verified")


@dataclass(frozen=True, slots=True)
class Receipt:
    """`body`: rows before and after by table, files, time. `signed`: its short form as a JWS."""

    body: Mapping[str, Any]
    signed: str

    @property
    def id(self) -> UUID:
        return UUID(self.body["receipt"])

    @property
    def sha256(self) -> str:
        return digest(self.body)


class Receipts:
    """Signs receipts and checks signed ones, with a key derived from the platform's secret."""

    def __init__(self, secret: str) -> None:
        key = hmac.digest(secret.encode(), b"baukasten erasure receipts", "sha256")
        self._key = OctKey.import_key(key)

    def sign(self, body: Mapping[str, Any]) -> Receipt:
        short = {name: body[name] for name in SHORT} | {"sha256": digest(body)}
        signed = jws.serialize_compact({"alg": ALGORITHM}, canonical(short), self._key)
        return Receipt(body, signed)

    def read(self, signed: str) -> dict[str, Any] | None:
        """What a signed receipt says; None if it is not one of ours."""
        try:
            payload = jws.deserialize_compact(signed, self._key, algorithms=[ALGORITHM]).payload
            short: dict[str, Any] = json.loads(payload)
        except (JoseError, ValueError):
            return None
        return short

    async def find(self, session: AsyncSession, receipt_id: UUID) -> Receipt:
        """A receipt that was given out, for whoever holds its id. Raises `NotFound`."""
        body = await session.scalar(RECEIPT, {"id": receipt_id})
        if body is None:
            raise NotFound("There is no such receipt.")
        return self.sign(body)


def is_about(receipt: Mapping[str, Any], user_id: UUID) -> bool:
    """Whether a receipt is about the account that had this id."""
    mark = hashlib.sha256(f"{receipt['receipt']}:{user_id}".encode()).hexdigest()
    return hmac.compare_digest(mark, str(receipt["subject"]))


def canonical(value: Mapping[str, Any]) -> bytes:
    """The bytes that are hashed: JSON with sorted keys and no spaces."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def digest(body: Mapping[str, Any]) -> str:
    return hashlib.sha256(canonical(body)).hexdigest()
