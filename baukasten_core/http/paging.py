"""Pages: bare JSON arrays; the next page is in the `Link` header (RFC 8288)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol, TypeVar
from uuid import UUID

from fastapi import Request, Response

from baukasten_core.db.paging import Cursor


class Dated(Protocol):
    """A row with an id."""

    @property
    def id(self) -> UUID: ...


R = TypeVar("R", bound=Dated)


def paged(
    request: Request, response: Response, rows: Sequence[R], limit: int, key: str = "created_at"
) -> Sequence[R]:
    """The first `limit` of `limit + 1` rows; with one more there is a next page."""
    if len(rows) <= limit:
        return rows
    last = rows[limit - 1]
    moment: datetime = getattr(last, key)
    url = request.url.include_query_params(cursor=Cursor(moment, last.id).encode(), limit=limit)
    target = url.path + (f"?{url.query}" if url.query else "")
    response.headers["Link"] = f'<{target}>; rel="next"'
    return rows[:limit]
