"""Cursors for lists that are ordered by time and id, newest first."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from baukasten_core.errors import BadRequest


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last row of a page; the next page begins after it."""

    time: datetime
    id: UUID

    def encode(self) -> str:
        """Opaque to clients."""
        raw = f"{self.time.isoformat()} {self.id}"
        return base64.urlsafe_b64encode(raw.encode()).decode().rstrip("=")

    @classmethod
    def decode(cls, value: str | None) -> Cursor | None:
        """Raises `BadRequest` for anything `encode` did not make."""
        if not value:
            return None
        try:
            raw = base64.urlsafe_b64decode(value + "=" * (-len(value) % 4)).decode()
            time, _, id_ = raw.rpartition(" ")
            moment = datetime.fromisoformat(time)
            if moment.tzinfo is None:
                raise ValueError(time)
            return cls(moment, UUID(id_))
        except (ValueError, binascii.Error):
            raise BadRequest("`cursor` is not one that this API gave out.") from None
