"""The same question again gets the same answer, where the operator wants that: a tenant's own, for
a while, and gone with the person who asked first."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, replace
from typing import Any, Protocol

import structlog
from pydantic_core import to_json
from sqlalchemy import text

from baukasten_core.contracts.auth import Scope
from baukasten_core.contracts.gateway import Answer, GatewayCall, Routed
from baukasten_core.contracts.llm import Finished, ToolCall, Usage
from baukasten_core.db.session import Database
from baukasten_core.errors import Unavailable
from baukasten_core.gateway.residency import is_allowed

log = structlog.get_logger("baukasten.gateway")

MOST_BYTES = 2**20
"""An answer over this is not kept."""

FIND = text(
    "SELECT answer FROM core.llm_cache WHERE tenant_id = :tenant AND key = :key"
    " AND created_at > now() - make_interval(secs => :seconds)"
)
KEEP = text(
    "INSERT INTO core.llm_cache (id, key, answer)"
    " VALUES (gen_random_uuid(), :key, CAST(:answer AS jsonb))"
    " ON CONFLICT (tenant_id, key) DO UPDATE SET answer = EXCLUDED.answer,"
    " user_id = EXCLUDED.user_id, created_at = now()"
)


class Cache(Protocol):
    """Keeps answers."""

    async def find(self, key: str, call: GatewayCall) -> Answer | None:
        """One that was given to the same question (`key_of`) where this data may go; never raises
        for want of a database."""
        ...

    async def keep(self, key: str, call: GatewayCall, answer: Answer) -> None: ...


class Answers:
    """A `Cache` in PostgreSQL, for `seconds`."""

    def __init__(self, database: Database, seconds: float) -> None:
        self._database = database
        self._seconds = seconds

    async def find(self, key: str, call: GatewayCall) -> Answer | None:
        values = {"tenant": call.tenant_id, "key": key, "seconds": self._seconds}
        try:
            async with self._database.transaction(_scope(call)) as session:
                found = (await session.execute(FIND, values)).scalar_one_or_none()
        except Unavailable:
            return None
        answer = None if found is None else _read(found)
        if answer is None or not is_allowed(answer.routed.region, call.residency):
            return None
        return answer

    async def keep(self, key: str, call: GatewayCall, answer: Answer) -> None:
        written = to_json(asdict(answer)).decode()
        if len(written) > MOST_BYTES or "\\u0000" in written:
            return
        try:
            async with self._database.transaction(_scope(call)) as session:
                await session.execute(KEEP, {"key": key, "answer": written})
        except Exception as error:
            # The caller has their answer; only the next one waits for theirs again.
            log.info("an answer was not cached", error=type(error).__name__)


def key_of(call: GatewayCall) -> str:
    """What makes two calls the same: everything that a model is told, who was asked for, and the
    project. Not how long the caller waits."""
    request = asdict(replace(call.request, timeout=0.0))
    for message in request["messages"]:
        for image in message["images"]:
            image["data"] = hashlib.sha256(image["data"]).hexdigest()
    told: dict[str, Any] = {
        "instance": (call.instance or "").lower(),
        "project": str(call.project_id),
        "request": request,
    }
    return hashlib.sha256(to_json(told)).hexdigest()


def _scope(call: GatewayCall) -> Scope:
    assert call.tenant_id is not None
    assert call.user_id is not None
    return Scope(user_id=call.user_id, tenant_id=call.tenant_id)


def _read(stored: dict[str, Any]) -> Answer | None:
    try:
        finished = stored["finished"]
        usage = Usage(**finished["usage"])
        return Answer(
            stored["text"],
            Routed(**stored["routed"]),
            Finished(finished["reason"], usage, finished["model"]),
            tuple(ToolCall(**call) for call in stored["tool_calls"]),
            tuple(stored["logprobs"]),
        )
    except (LookupError, TypeError):
        return None  # of another version
