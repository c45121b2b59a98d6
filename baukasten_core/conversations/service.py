"""Start, continue, list and delete conversations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import delete, func, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from baukasten_core.contracts.auth import Principal
from baukasten_core.conversations.models import Conversation, Message
from baukasten_core.db.paging import Cursor
from baukasten_core.errors import NotFound
from baukasten_core.evidence.citations import Citation

TITLE_LIMIT = 80


async def start_conversation(
    session: AsyncSession,
    owner: Principal,
    project_id: UUID,
    title: str,
    *,
    conversation_id: UUID | None = None,
) -> Conversation:
    """A new conversation, private to its owner; the title is cut to one short line. Whoever has
    to name it before it is there gives it its id."""
    conversation = Conversation(
        id=conversation_id,
        tenant_id=owner.tenant_id,
        user_id=owner.user_id,
        project_id=project_id,
        title=_one_line(title),
    )
    session.add(conversation)
    await session.flush()
    return conversation


async def get_conversation(
    session: AsyncSession, project_id: UUID, conversation_id: UUID
) -> Conversation:
    """Raises `NotFound` unless it is a conversation of this project that the caller may see."""
    conversation = await session.get(Conversation, conversation_id)
    if conversation is None or conversation.project_id != project_id:
        raise NotFound("Conversation not found")
    return conversation


async def list_conversations(
    session: AsyncSession,
    project_id: UUID,
    *,
    search: str | None = None,
    limit: int,
    after: Cursor | None = None,
) -> Sequence[Conversation]:
    """Newest change first; `search`: words of the title or of a turn, as they stand there."""
    query = select(Conversation).where(Conversation.project_id == project_id)
    if search:
        said = Message.content.icontains(search, autoescape=True)
        turns = select(Message.id).where(Message.conversation_id == Conversation.id, said)
        titled = Conversation.title.icontains(search, autoescape=True)
        query = query.where(or_(titled, turns.exists()))
    if after is not None:
        query = query.where(
            tuple_(Conversation.updated_at, Conversation.id) < (after.time, after.id)
        )
    query = query.order_by(Conversation.updated_at.desc(), Conversation.id.desc()).limit(limit)
    return (await session.scalars(query)).all()


async def add_message(
    session: AsyncSession,
    conversation: Conversation,
    role: Literal["user", "assistant"],
    content: str,
    *,
    citations: Sequence[Citation] = (),
    meta: Mapping[str, Any] | None = None,
    message_id: UUID | None = None,
) -> Message:
    """Append a turn. Whoever has to name it before it is there gives it its id."""
    message = Message(
        id=message_id,
        tenant_id=conversation.tenant_id,
        user_id=conversation.user_id,
        project_id=conversation.project_id,
        conversation_id=conversation.id,
        role=role,
        content=content,
        citations=[citation.as_json() for citation in citations],
        meta=dict(meta or {}),
        private=conversation.private,
    )
    session.add(message)
    conversation.updated_at = func.now()
    await session.flush()
    return message


async def list_messages(session: AsyncSession, conversation_id: UUID) -> Sequence[Message]:
    """The turns in order."""
    query = select(Message).where(Message.conversation_id == conversation_id)
    return (await session.scalars(query.order_by(Message.said_at, Message.id))).all()


async def delete_messages_from(
    session: AsyncSession, conversation: Conversation, message_id: UUID
) -> None:
    """Delete a turn and all that came after it. Raises `NotFound` unless it is of this
    conversation."""
    first = await session.get(Message, message_id)
    if first is None or first.conversation_id != conversation.id:
        raise NotFound("Message not found")
    after = tuple_(Message.said_at, Message.id) >= (first.said_at, first.id)
    await session.execute(delete(Message).where(Message.conversation_id == conversation.id, after))


async def count_conversations(session: AsyncSession, project_id: UUID) -> int:
    """How many there are in a project that the caller may see."""
    query = select(func.count()).where(Conversation.project_id == project_id)
    return await session.scalar(query) or 0


async def rename_conversation(
    session: AsyncSession, project_id: UUID, conversation_id: UUID, title: str
) -> Conversation:
    """Give it another title, cut to one short line."""
    conversation = await get_conversation(session, project_id, conversation_id)
    conversation.title = _one_line(title)
    await session.flush()
    await session.refresh(conversation)
    return conversation


async def delete_conversation(
    session: AsyncSession, project_id: UUID, conversation_id: UUID
) -> None:
    """Its messages go with it."""
    await get_conversation(session, project_id, conversation_id)
    await session.execute(delete(Conversation).where(Conversation.id == conversation_id))


def _one_line(title: str) -> str:
    line = " ".join(title.split())
    return line if len(line) <= TITLE_LIMIT else line[: TITLE_LIMIT - 1] + "…"
