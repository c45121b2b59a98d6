"""Server-sent events."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from typing import Any

from fastapi.responses import StreamingResponse

HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
"""No cache and no proxy may hold back a piece."""


def event(name: str, data: Mapping[str, Any]) -> str:
    """One named event with JSON data."""
    return f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"


def data(value: Mapping[str, Any] | str) -> str:
    """One event without a name, as OpenAI writes them."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return f"data: {text}\n\n"


def stream(events: AsyncIterator[str]) -> StreamingResponse:
    """A response of events. When the client goes away, `events` is closed."""
    return StreamingResponse(_closing(events), media_type="text/event-stream", headers=HEADERS)


async def _closing(events: AsyncIterator[str]) -> AsyncIterator[str]:
    try:
        async for item in events:
            yield item
    finally:
        if isinstance(events, AsyncGenerator):
            await events.aclose()
