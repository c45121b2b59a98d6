"""A document's progress as server-sent events."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from uuid import UUID

from baukasten_core.contracts.auth import Principal
from baukasten_core.documents.totals import last_page
from baukasten_core.errors import NotFound
from baukasten_core.render.sentences import told
from baukasten_core.services import Services

LOOK_SECONDS = 0.5
BEAT_SECONDS = 15.0
LONGEST_SECONDS = 900.0


async def progress_events(
    services: Services, principal: Principal, document_id: UUID
) -> AsyncIterator[str]:
    """Each change as it is seen; a comment now and then keeps the connection open."""
    last, began = "", time.monotonic()
    beat = began
    while time.monotonic() - began < LONGEST_SECONDS:
        status, data = await _progress(services, principal, document_id)
        if data != last:
            last, beat = data, time.monotonic()
            name = status if status in ("ready", "failed") else "progress"
            yield f"event: {name}\ndata: {data}\n\n"
        elif time.monotonic() - beat > BEAT_SECONDS:
            beat = time.monotonic()
            yield ": still there\n\n"
        if status in ("ready", "failed"):
            return
        await asyncio.sleep(LOOK_SECONDS)


async def _progress(services: Services, principal: Principal, document_id: UUID) -> tuple[str, str]:
    async with services.database.transaction(principal.scope) as session:
        try:
            document = await services.documents.get(session, principal, document_id)
            page = await last_page(session, document)
        except NotFound:
            return "failed", json.dumps({"status": "failed", "error": told("It was deleted.")})
    values = {
        "status": document.status,
        "error": document.error and told(document.error),
        "pages": document.page_count,
        "pages_done": page,
        "chunks_done": document.chunk_count,
        "chunks_total": document.chunk_total,
    }
    return document.status, json.dumps(values)
