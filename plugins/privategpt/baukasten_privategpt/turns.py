"""A question on its way to an answer, and how both are kept."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID, uuid4

from baukasten_core.api import (
    Citation,
    Conversation,
    Finished,
    Kit,
    Language,
    Message,
    NotFound,
    Passage,
    Routed,
    add_message,
    count_tokens,
    delete_messages_from,
    get_conversation,
    list_messages,
    start_conversation,
)
from baukasten_privategpt.schemas import AnswerOut, AskIn, CitationOut, UsageOut

EXTRACTIVE = "extractive"


@dataclass(slots=True)
class Turn:
    """A question on its way to an answer."""

    project_id: UUID
    body: AskIn
    language: Language
    history: list[Message]
    conversation_id: UUID
    message_id: UUID = field(default_factory=uuid4)
    """Of the answer, when it is kept."""
    query: str = ""
    passages: list[Passage] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)
    first: float | None = None
    """When the first word of the answer came."""

    def speaks(self) -> None:
        """A word of the answer has come."""
        if self.first is None:
            self.first = time.monotonic()


@dataclass(slots=True)
class AnswerParts:
    """An answer before it has been kept. `finished` is None where its reader left."""

    text: str
    found: bool = True
    cited: Sequence[Citation] = ()
    unknown: Sequence[int] = ()
    routed: Routed | None = None
    finished: Finished | None = None

    @property
    def method(self) -> Literal["llm", "extractive", "none"]:
        if self.routed is None:
            return "none"
        return "extractive" if self.routed.provider == EXTRACTIVE else "llm"

    @property
    def finish_reason(self) -> str | None:
        if self.finished is not None:
            return self.finished.reason
        return "stopped" if self.routed is not None else None

    @property
    def usage(self) -> UsageOut:
        if self.finished is None:
            said = count_tokens(self.text) if self.routed else 0
            return UsageOut(completion_tokens=said, total_tokens=said, estimated=said > 0)
        counted = self.finished.usage
        return UsageOut(
            prompt_tokens=counted.prompt_tokens,
            completion_tokens=counted.completion_tokens,
            total_tokens=counted.total_tokens,
            estimated=counted.estimated,
        )


async def begin(kit: Kit, project_id: UUID, body: AskIn) -> Turn:
    """Raises `NotFound` for a conversation, or a turn of it, that is not there or not one's own."""
    language = await kit.detect_language(body.question) or kit.language
    turn = Turn(project_id, body, language, [], body.conversation_id or uuid4())
    if body.conversation_id is not None:
        async with kit.transaction() as session:
            conversation = await get_conversation(session, project_id, body.conversation_id)
            rows = await list_messages(session, conversation.id)
        ids = [row.id for row in rows]
        if body.replaces is not None:
            rows = rows[: _replaced(ids, [row.role for row in rows], body.replaces)]
        turn.history = [Message(_role(row.role), row.content) for row in rows]
    elif body.replaces is not None:
        raise NotFound("Message not found", hint="`replaces` needs its `conversation_id`.")
    return turn


def _replaced(ids: Sequence[UUID], roles: Sequence[str], replaces: UUID) -> int:
    if replaces not in ids or roles[ids.index(replaces)] != "user":
        raise NotFound("Message not found", hint="`replaces` is a question of this conversation.")
    return ids.index(replaces)


def _role(role: str) -> Literal["user", "assistant"]:
    return "assistant" if role == "assistant" else "user"


async def keep(kit: Kit, turn: Turn, parts: AnswerParts) -> AnswerOut:
    """Store question and answer, in the place of what they replace; a conversation begins with its
    first answer."""
    rest = _facts(turn, parts)
    meta = {**rest, "usage": parts.usage.model_dump()}
    question, replaces = turn.body.question, turn.body.replaces
    async with kit.transaction() as session:
        conversation: Conversation
        if turn.body.conversation_id is None:
            conversation = await start_conversation(
                session,
                kit.principal,
                turn.project_id,
                question,
                conversation_id=turn.conversation_id,
            )
        else:
            conversation = await get_conversation(
                session, turn.project_id, turn.body.conversation_id
            )
        if replaces is not None:
            await delete_messages_from(session, conversation, replaces)
        asked = await add_message(session, conversation, "user", question)
        answered = await add_message(
            session,
            conversation,
            "assistant",
            parts.text,
            citations=parts.cited,
            meta=meta,
            message_id=turn.message_id,
        )
    return AnswerOut(
        conversation_id=conversation.id,
        question_id=asked.id,
        message_id=answered.id,
        answer=parts.text,
        citations=[CitationOut.model_validate(citation.as_json()) for citation in parts.cited],
        query=turn.query,
        **rest,
    )


def _facts(turn: Turn, parts: AnswerParts) -> dict[str, Any]:
    """What an answer says about itself."""
    routed, asked = parts.routed, parts.routed is not None
    return {
        "found": parts.found,
        "grounded": any(citation.verified for citation in parts.cited),
        "unknown_citations": list(parts.unknown),
        "method": parts.method,
        "provider": routed.instance if routed else None,
        "model": routed.model if routed else None,
        "region": routed.region if routed else None,
        "usage": parts.usage,
        "finish_reason": parts.finish_reason,
        "seconds": _since(turn, time.monotonic()) if asked else None,
        "first_seconds": _since(turn, turn.first) if asked and turn.first else None,
        "language": turn.language,
    }


def _since(turn: Turn, moment: float) -> float:
    return round(moment - turn.began, 3)
