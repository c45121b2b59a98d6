"""From a question to a checked answer, as events; a plain answer is their sum.

`routed` (who answers, and where that will be kept), any number of `delta` (text), `citations`,
`done` (the whole answer). What goes wrong before the first event is raised; afterwards it is an
`error` event, and the last. Whoever leaves in the middle of an answer finds what had been said in
the conversation.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from baukasten_core.api import (
    Finished,
    InvalidOutput,
    Kit,
    Message,
    ProviderError,
    Routed,
    StreamInterrupted,
    TextDelta,
    Unavailable,
    count_tokens,
)
from baukasten_privategpt.citations import citations, unknown_numbers
from baukasten_privategpt.options import PrivateGPTOptions
from baukasten_privategpt.packing import latest, pack
from baukasten_privategpt.prompting import (
    answer_messages,
    condense_messages,
    instructions,
    sources,
)
from baukasten_privategpt.schemas import AskIn
from baukasten_privategpt.texts import not_found
from baukasten_privategpt.turns import EXTRACTIVE, AnswerParts, Turn, begin, keep

log = logging.getLogger(__name__)

EventName = Literal["routed", "delta", "citations", "done", "error"]
CONDENSE_TOKENS, CONDENSE_SECONDS = 200, 20.0
CONDENSED_FROM = 2000
"""Tokens of earlier turns that a question is made whole from."""
LONGEST_QUERY = 1000

_keeping: set[asyncio.Task[Any]] = set()
"""What is written down after its reader has left: the loop alone would not hold it."""


@dataclass(frozen=True, slots=True)
class AskEvent:
    """One event, its data as JSON values."""

    name: EventName
    data: dict[str, Any]


async def events(kit: Kit, project_id: UUID, body: AskIn) -> AsyncGenerator[AskEvent, None]:
    """Answer a question. Raises what looking up and asking raise, before the first event."""
    turn = await begin(kit, project_id, body)
    turn.query = await _query(kit, turn)
    found = await kit.search(project_id, turn.query, limit=body.limit, documents=body.documents)
    turn.passages = [passage for passage in found if passage.score >= kit.relevant_score]
    answering = _answered(kit, turn) if turn.passages else _not_found(kit, turn)
    async with aclosing(answering) as running:
        async for event in running:
            yield event


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
            condense_messages(turn.body.question, latest(turn.history, CONDENSED_FROM)),
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
    answer = await keep(kit, turn, AnswerParts(text, found=False))
    yield AskEvent("delta", {"text": text})
    yield AskEvent("citations", {"citations": [], "grounded": False})
    yield AskEvent("done", answer.model_dump(mode="json"))


async def _answered(kit: Kit, turn: Turn) -> AsyncGenerator[AskEvent, None]:
    pieces: list[str] = []
    routed: Routed | None = None
    finished: Finished | None = None
    try:
        async with aclosing(await _asked(kit, turn)) as running:
            async for event in running:
                match event:
                    case Routed():
                        routed = event
                        yield AskEvent("routed", _who(turn, event))
                    case TextDelta(text):
                        turn.speaks()
                        pieces.append(text)
                        yield AskEvent("delta", {"text": text})
                    case Finished():
                        finished = event
    except (GeneratorExit, asyncio.CancelledError):
        if routed is not None and "".join(pieces).strip():
            _keep_stopped(kit, turn, "".join(pieces), routed)
        raise
    if routed is None or finished is None:
        raise StreamInterrupted("The answer broke off before its end; ask again.")
    parts = await _checked(kit, turn, "".join(pieces), routed, finished)
    if not pieces:
        yield AskEvent("delta", {"text": parts.text})
    answer = await keep(kit, turn, parts)
    shown = answer.model_dump(mode="json")
    yield AskEvent("citations", {"citations": shown["citations"], "grounded": answer.grounded})
    yield AskEvent("done", shown)


async def _asked(kit: Kit, turn: Turn) -> AsyncGenerator[Any, None]:
    """The model's events; what it is given fits into its context."""
    body, options = turn.body, kit.options(PrivateGPTOptions)
    known = await kit.context(project_id=turn.project_id, provider=body.provider, model=body.model)
    context = min(options.context_tokens, known or options.context_tokens)
    answer = min(options.answer_tokens, context // 4)
    taken = count_tokens(instructions(turn.language)) + count_tokens(body.question)
    room = max(context - answer - taken, context // 4)
    turn.passages, history = await asyncio.to_thread(pack, turn.passages, turn.history, room)
    return kit.stream(
        answer_messages(body.question, turn.passages, history, turn.language),
        project_id=turn.project_id,
        provider=body.provider,
        model=body.model,
        sources=sources(turn.passages),
        question=turn.query,
        max_tokens=answer,
    )


async def _checked(
    kit: Kit, turn: Turn, text: str, routed: Routed, finished: Finished | None
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


def _keep_stopped(kit: Kit, turn: Turn, text: str, routed: Routed) -> None:
    """Write down what was said to a reader who has left. Their request is being cancelled, and
    with it whatever it waits for, so this goes on beside it."""

    async def kept() -> None:
        await keep(kit, turn, await _checked(kit, turn, text, routed, None))

    task = asyncio.get_running_loop().create_task(kept())
    _keeping.add(task)
    task.add_done_callback(_kept)


def _kept(task: asyncio.Task[Any]) -> None:
    _keeping.discard(task)
    if not task.cancelled() and (error := task.exception()) is not None:
        log.warning("a stopped answer could not be kept: %s", type(error).__name__)


def _who(turn: Turn, routed: Routed) -> dict[str, Any]:
    """Who answers, and where the answer will be kept."""
    return {
        "conversation_id": str(turn.conversation_id),
        "message_id": str(turn.message_id),
        "provider": routed.instance,
        "model": routed.model,
        "region": routed.region,
        "method": "extractive" if routed.provider == EXTRACTIVE else "llm",
    }
