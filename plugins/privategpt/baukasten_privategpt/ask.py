"""From a question to a checked answer, as events; a plain answer is their sum.

`routed` (who answers), any number of `delta` (text), `citations`, `done` (the whole answer). What
goes wrong before the first event is raised; afterwards it is an `error` event, and the last.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID

from baukasten_core.api import (
    Citation,
    Finished,
    InvalidOutput,
    Kit,
    Language,
    Message,
    Passage,
    ProviderError,
    Routed,
    StreamInterrupted,
    TextDelta,
    Unavailable,
    add_message,
    get_conversation,
    list_messages,
    start_conversation,
)
from baukasten_privategpt.citations import citations, unknown_numbers
from baukasten_privategpt.prompting import answer_messages, condense_messages, sources
from baukasten_privategpt.schemas import AnswerOut, AskIn, CitationOut, UsageOut
from baukasten_privategpt.texts import not_found

EventName = Literal["routed", "delta", "citations", "done", "error"]
CONDENSE_TOKENS, CONDENSE_SECONDS = 200, 20.0
LONGEST_QUERY = 1000
EXTRACTIVE = "extractive"


@dataclass(frozen=True, slots=True)
class AskEvent:
    """One event, its data as JSON values."""

    name: EventName
    data: dict[str, Any]


@dataclass(slots=True)
class Turn:
    """A question on its way to an answer."""

    project_id: UUID
    body: AskIn
    language: Language
    conversation_id: UUID | None
    history: list[Message]
    query: str = ""
    passages: list[Passage] = field(default_factory=list)


async def events(kit: Kit, project_id: UUID, body: AskIn) -> AsyncGenerator[AskEvent, None]:
    """Answer a question. Raises what looking up and asking raise, before the first event."""
    turn = await _begin(kit, project_id, body)
    turn.query = await _query(kit, turn)
    found = await kit.search(project_id, turn.query, limit=body.limit, documents=body.documents)
    turn.passages = [passage for passage in found if passage.score >= kit.relevant_score]
    answering = _answered(kit, turn) if turn.passages else _not_found(kit, turn)
    async with aclosing(answering) as running:
        async for event in running:
            yield event


async def _begin(kit: Kit, project_id: UUID, body: AskIn) -> Turn:
    """Raises `NotFound` for a conversation that is not there or somebody else's."""
    language = await kit.detect_language(body.question) or kit.language
    history: list[Message] = []
    if body.conversation_id is not None:
        async with kit.transaction() as session:
            conversation = await get_conversation(session, project_id, body.conversation_id)
            rows = await list_messages(session, conversation.id)
            history = [Message(_role(row.role), row.content) for row in rows]
    return Turn(project_id, body, language, body.conversation_id, history)


def _role(role: str) -> Literal["user", "assistant"]:
    return "assistant" if role == "assistant" else "user"


# --- what is looked up --------------------------------------------------------------------


async def _query(kit: Kit, turn: Turn) -> str:
    """The question as it can be looked up: with what earlier turns said, where there are any."""
    question = turn.body.question
    if not turn.history:
        return question
    return await _condensed(kit, turn) or _with_earlier(question, turn.history)


async def _condensed(kit: Kit, turn: Turn) -> str | None:
    """The question made whole by a language model; None where there is none, or it fails."""
    if (turn.body.provider or "").strip().lower() == EXTRACTIVE:
        return None
    try:
        answer = await kit.generate(
            condense_messages(turn.body.question, turn.history),
            project_id=turn.project_id,
            provider=turn.body.provider,
            model=turn.body.model,
            temperature=0.0,
            max_tokens=CONDENSE_TOKENS,
            timeout=CONDENSE_SECONDS,
        )
    except (ProviderError, Unavailable):
        return None
    line = next((line.strip() for line in answer.text.splitlines() if line.strip()), "")
    return line[:LONGEST_QUERY] if len(line) >= 3 else None


def _with_earlier(question: str, history: Sequence[Message]) -> str:
    """The question after the one before it, whose words say what it is about."""
    earlier = next((turn.content for turn in reversed(history) if turn.role == "user"), "")
    return f"{earlier[: LONGEST_QUERY - len(question)]} {question}".strip()


# --- the answer ---------------------------------------------------------------------------


async def _not_found(kit: Kit, turn: Turn) -> AsyncGenerator[AskEvent, None]:
    """Nothing is relevant: say so, and ask nobody."""
    text = not_found(turn.language)
    answer = await _keep(kit, turn, AnswerParts(text, found=False))
    yield AskEvent("delta", {"text": text})
    yield AskEvent("citations", {"citations": [], "grounded": False})
    yield AskEvent("done", answer.model_dump(mode="json"))


async def _answered(kit: Kit, turn: Turn) -> AsyncGenerator[AskEvent, None]:
    body = turn.body
    stream = kit.stream(
        answer_messages(body.question, turn.passages, turn.history, turn.language),
        project_id=turn.project_id,
        provider=body.provider,
        model=body.model,
        sources=sources(turn.passages),
        question=turn.query,
    )
    pieces: list[str] = []
    routed: Routed | None = None
    finished: Finished | None = None
    async with aclosing(stream) as running:
        async for event in running:
            match event:
                case Routed():
                    routed = event
                    yield AskEvent("routed", _who(event))
                case TextDelta(text):
                    pieces.append(text)
                    yield AskEvent("delta", {"text": text})
                case Finished():
                    finished = event
    if routed is None or finished is None:
        raise StreamInterrupted("The answer broke off before its end; ask again.")
    parts = await _checked(kit, turn, "".join(pieces), routed, finished)
    if not pieces:
        yield AskEvent("delta", {"text": parts.text})
    answer = await _keep(kit, turn, parts)
    shown = answer.model_dump(mode="json")
    yield AskEvent("citations", {"citations": shown["citations"], "grounded": answer.grounded})
    yield AskEvent("done", shown)


@dataclass(slots=True)
class AnswerParts:
    """An answer before it has been kept."""

    text: str
    found: bool = True
    cited: list[Citation] = field(default_factory=list)
    unknown: list[int] = field(default_factory=list)
    routed: Routed | None = None
    finished: Finished | None = None

    @property
    def method(self) -> Literal["llm", "extractive", "none"]:
        if self.routed is None:
            return "none"
        return "extractive" if self.routed.provider == EXTRACTIVE else "llm"


async def _checked(
    kit: Kit, turn: Turn, text: str, routed: Routed, finished: Finished
) -> AnswerParts:
    """The answer with its citations checked against the documents as they are now."""
    if not text.strip():
        if routed.provider != EXTRACTIVE:
            raise InvalidOutput(f"The model `{routed.model}` answered nothing; ask again.")
        # The passages are near in meaning, but no sentence of theirs has the question's words.
        return AnswerParts(not_found(turn.language), found=False, routed=routed, finished=finished)
    texts = await kit.texts([passage.document_id for passage in turn.passages])
    return AnswerParts(
        text,
        cited=citations(text, turn.passages, texts, turn.language),
        unknown=unknown_numbers(text, turn.passages),
        routed=routed,
        finished=finished,
    )


def _who(routed: Routed) -> dict[str, Any]:
    return {
        "provider": routed.instance,
        "model": routed.model,
        "region": routed.region,
        "method": "extractive" if routed.provider == EXTRACTIVE else "llm",
    }


async def _keep(kit: Kit, turn: Turn, parts: AnswerParts) -> AnswerOut:
    """Store question and answer; a conversation begins with its first answer."""
    routed, finished = parts.routed, parts.finished
    usage = UsageOut()
    if finished is not None:
        counted = finished.usage
        usage = UsageOut(
            prompt_tokens=counted.prompt_tokens,
            completion_tokens=counted.completion_tokens,
            total_tokens=counted.total_tokens,
            estimated=counted.estimated,
        )
    rest: dict[str, Any] = {
        "found": parts.found,
        "grounded": any(citation.verified for citation in parts.cited),
        "unknown_citations": parts.unknown,
        "method": parts.method,
        "provider": routed.instance if routed else None,
        "model": routed.model if routed else None,
        "region": routed.region if routed else None,
        "usage": usage,
        "finish_reason": finished.reason if finished else None,
        "language": turn.language,
    }
    meta = {**rest, "usage": usage.model_dump()}
    question = turn.body.question
    async with kit.transaction() as session:
        if turn.conversation_id is None:
            conversation = await start_conversation(
                session, kit.principal, turn.project_id, question
            )
        else:
            conversation = await get_conversation(session, turn.project_id, turn.conversation_id)
        await add_message(session, conversation, "user", question)
        message = await add_message(
            session, conversation, "assistant", parts.text, citations=parts.cited, meta=meta
        )
    return AnswerOut(
        conversation_id=conversation.id,
        message_id=message.id,
        answer=parts.text,
        citations=[CitationOut.model_validate(citation.as_json()) for citation in parts.cited],
        query=turn.query,
        **rest,
    )
