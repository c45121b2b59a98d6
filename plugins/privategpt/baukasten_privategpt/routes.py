"""The HTTP API of PrivateGPT, under `/privategpt`."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from typing import Annotated, Any
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse

from baukasten_core.api import (
    BaukastenError,
    Conversation,
    CurrentKit,
    Kit,
    PageCursor,
    PageLimit,
    count_conversations,
    delete_conversation,
    get_conversation,
    list_conversations,
    list_messages,
    paged,
    problem_of,
    problem_responses,
    rename_conversation,
    start_conversation,
    totals,
)
from baukasten_privategpt.ask import AskEvent, events
from baukasten_privategpt.export import MEDIA_TYPES, exported, file_name
from baukasten_privategpt.schemas import (
    AnswerOut,
    AskIn,
    ConversationIn,
    ConversationOut,
    ConversationWithMessages,
    ExportFormat,
    LibraryOut,
    MessageOut,
)

NAME = "privategpt"
EVENT_STREAM = "text/event-stream"
UNBUFFERED = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
"""No cache and no proxy may hold back a piece."""

UNEXPECTED = BaukastenError("Something went wrong on our side; the answer is incomplete.")

router = APIRouter(prefix="/projects/{project_id}")

Words = Annotated[
    str | None,
    Query(max_length=200, pattern=r"^[^\x00]*$", description="Words of the title or of a turn."),
]

STREAMED: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The answer; with `stream`, server-sent events `routed` (who answers, and "
        "the ids under which that is kept, also where the reader leaves), `delta`, "
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
            yield _sse("error", problem_of(error))
        except Exception:
            # The client is told that the answer ends here; the log gets the error itself.
            yield _sse("error", problem_of(UNEXPECTED))
            raise


def _sse(name: str, data: Any) -> str:
    return f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"


# --- the library ---------------------------------------------------------------------------


@router.get("", response_model=LibraryOut)
async def library(project_id: UUID, kit: CurrentKit) -> LibraryOut:
    """What is in this library."""
    project = await kit.project(project_id, type_=NAME)
    async with kit.transaction() as session:
        documents = await totals(session, project.id)
        count = await count_conversations(session, project.id)
    return LibraryOut(documents=documents.ready, chunks=documents.chunks_done, conversations=count)


# --- conversations ------------------------------------------------------------------------


@router.get(
    "/conversations", response_model=list[ConversationOut], responses=problem_responses(400)
)
async def conversations(
    project_id: UUID,
    request: Request,
    response: Response,
    kit: CurrentKit,
    search: Words = None,
    limit: PageLimit = 50,
    after: PageCursor = None,
) -> Sequence[Conversation]:
    """Your conversations in this project, the one that changed last first."""
    project = await kit.project(project_id, type_=NAME)
    async with kit.transaction() as session:
        rows = await list_conversations(
            session, project.id, search=search, limit=limit + 1, after=after
        )
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
    return await _whole(kit, project.id, conversation_id)


@router.get(
    "/conversations/{conversation_id}/export",
    response_class=Response,
    responses={200: {"content": {media: {} for media in MEDIA_TYPES.values()}}},
)
async def export(
    project_id: UUID, conversation_id: UUID, kit: CurrentKit, format: ExportFormat = "markdown"
) -> Response:
    """A conversation to take along, in your language."""
    project = await kit.project(project_id, type_=NAME)
    conversation = await _whole(kit, project.id, conversation_id)
    name = quote(file_name(conversation, format))
    headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{name}"}
    content = await exported(kit, conversation, format)
    return Response(content, media_type=MEDIA_TYPES[format], headers=headers)


async def _whole(kit: Kit, project_id: UUID, conversation_id: UUID) -> ConversationWithMessages:
    """The conversation, each citation with whether its document is still there."""
    async with kit.transaction() as session:
        conversation = await get_conversation(session, project_id, conversation_id)
        rows = await list_messages(session, conversation.id)
    turns = [MessageOut.model_validate(row) for row in rows]
    cited = {citation.document_id for turn in turns for citation in turn.citations}
    there = await kit.documents(list(cited), with_text=False) if cited else {}
    for turn in turns:
        for citation in turn.citations:
            citation.gone = citation.document_id not in there
    known = ConversationOut.model_validate(conversation).model_dump()
    return ConversationWithMessages(**known, messages=turns)


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
