"""The HTTP API of PrivateGPT, under `/privategpt`."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from baukasten_core.api import (
    BaukastenError,
    Conversation,
    CurrentKit,
    PageCursor,
    PageLimit,
    delete_conversation,
    get_conversation,
    list_conversations,
    list_messages,
    paged,
    problem_responses,
    rename_conversation,
    start_conversation,
)
from baukasten_privategpt.ask import AskEvent, events
from baukasten_privategpt.schemas import (
    AnswerOut,
    AskIn,
    ConversationIn,
    ConversationOut,
    ConversationWithMessages,
    MessageOut,
)

NAME = "privategpt"
EVENT_STREAM = "text/event-stream"
UNBUFFERED = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
"""No cache and no proxy may hold back a piece."""

UNEXPECTED = BaukastenError("Something went wrong on our side; the answer is incomplete.")

router = APIRouter(prefix="/projects/{project_id}")

STREAMED: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The answer; with `stream`, server-sent events `routed`, `delta`, "
        "`citations`, `done`, and `error` where it broke off.",
        "content": {EVENT_STREAM: {"schema": {"type": "string"}}},
    }
}


@router.post(
    "/ask",
    response_model=AnswerOut,
    responses={**STREAMED, **problem_responses(400, 502)},
)
async def ask(project_id: UUID, body: AskIn, kit: CurrentKit) -> AnswerOut | Response:
    """Answer a question from the project's documents, with citations that were checked."""
    project = await kit.project(project_id, type_=NAME)
    answering = events(kit, project.id, body)
    if body.stream:
        # What goes wrong before the first event is still an error with its own status.
        first = await anext(answering)
        stream = _as_sse(first, answering)
        return StreamingResponse(stream, media_type=EVENT_STREAM, headers=UNBUFFERED)
    async with aclosing(answering) as running:
        async for event in running:
            if event.name == "done":
                return AnswerOut.model_validate(event.data)
    raise AssertionError("an answer ends with `done` or raises")


async def _as_sse(first: AskEvent, rest: AsyncGenerator[AskEvent, None]) -> AsyncIterator[str]:
    """Events on the wire; the last is `done` or `error`."""
    yield _sse(first.name, first.data)
    async with aclosing(rest) as running:
        try:
            async for event in running:
                yield _sse(event.name, event.data)
        except BaukastenError as error:
            yield _sse("error", error.problem())
        except Exception:
            # The client is told that the answer ends here; the log gets the error itself.
            yield _sse("error", UNEXPECTED.problem())
            raise


def _sse(name: str, data: Any) -> str:
    return f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"


# --- conversations ------------------------------------------------------------------------


@router.get(
    "/conversations", response_model=list[ConversationOut], responses=problem_responses(400)
)
async def conversations(
    project_id: UUID,
    request: Request,
    response: Response,
    kit: CurrentKit,
    limit: PageLimit = 50,
    after: PageCursor = None,
) -> Sequence[Conversation]:
    """Your conversations in this project, the one that changed last first."""
    project = await kit.project(project_id, type_=NAME)
    async with kit.transaction() as session:
        rows = await list_conversations(session, project.id, limit=limit + 1, after=after)
    return paged(request, response, rows, limit, key="updated_at")


@router.post("/conversations", status_code=201, response_model=ConversationOut)
async def create(project_id: UUID, body: ConversationIn, kit: CurrentKit) -> Conversation:
    """Begin an empty conversation (asking without one begins one too)."""
    project = await kit.project(project_id, type_=NAME)
    async with kit.transaction() as session:
        conversation = await start_conversation(session, kit.principal, project.id, body.title)
        await session.refresh(conversation)
    return conversation


@router.get("/conversations/{conversation_id}")
async def get(project_id: UUID, conversation_id: UUID, kit: CurrentKit) -> ConversationWithMessages:
    """A conversation with its turns."""
    project = await kit.project(project_id, type_=NAME)
    async with kit.transaction() as session:
        conversation = await get_conversation(session, project.id, conversation_id)
        rows = await list_messages(session, conversation.id)
    return ConversationWithMessages(
        **ConversationOut.model_validate(conversation).model_dump(),
        messages=[MessageOut.model_validate(row) for row in rows],
    )


@router.patch("/conversations/{conversation_id}", response_model=ConversationOut)
async def rename(
    project_id: UUID, conversation_id: UUID, body: ConversationIn, kit: CurrentKit
) -> Conversation:
    """Give it another title."""
    project = await kit.project(project_id, type_=NAME)
    async with kit.transaction() as session:
        return await rename_conversation(session, project.id, conversation_id, body.title)


@router.delete("/conversations/{conversation_id}", status_code=204)
async def delete(project_id: UUID, conversation_id: UUID, kit: CurrentKit) -> None:
    """Delete it with its turns."""
    project = await kit.project(project_id, type_=NAME)
    async with kit.transaction() as session:
        await delete_conversation(session, project.id, conversation_id)
