"""What the routes take and answer."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from baukasten_core.api import Language

Question = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=3, max_length=4000, pattern=r"^[^\x00]*$"),
]
Title = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=r"^[^\x00]*$"),
]
Name = Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00]*$")]


class AskIn(BaseModel):
    """A question. Without `conversation_id` it begins a conversation."""

    model_config = ConfigDict(extra="forbid")

    question: Question
    conversation_id: UUID | None = None
    provider: Name | None = Field(None, description="A configured instance; else the chain.")
    model: Name = Field("", description="One of its models.")
    stream: bool = Field(False, description="Answer as server-sent events.")
    replaces: UUID | None = Field(
        None,
        description="A question of this conversation that is asked again or otherwise: it and all "
        "that came after it give way to this one and its answer.",
    )
    documents: list[UUID] | None = Field(
        None, max_length=1000, description="Look in these documents only."
    )
    limit: int = Field(6, ge=1, le=20, description="Passages that are looked at, at most.")


class CitationOut(BaseModel):
    """What the answer's `[number]` rests on: characters `start` to `end` of the document.
    `verified`: the quote stood there word for word. `gone`: the document was erased since."""

    number: int
    document_id: UUID
    title: str
    quote: str
    start: int
    end: int
    page: int | None
    score: float
    verified: bool
    gone: bool = False


class UsageOut(BaseModel):
    """Tokens; `estimated` where the provider did not count."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    total_tokens: int = 0
    estimated: bool = False


class AnswerOut(BaseModel):
    """An answer.

    `found` is false where no passage was relevant: then no model was asked, and `provider`,
    `model` and `region` are null. `grounded` says that at least one citation was verified; an
    answer that is not grounded rests on nothing you can check. `unknown_citations` are numbers in
    the answer that no source has. `method` is `extractive` where sentences are quoted because no
    language model answers. `query` is what was looked up. `finish_reason` is `stopped` where the
    reader left before the end. Times are in seconds since the question came.
    """

    conversation_id: UUID
    question_id: UUID
    message_id: UUID
    answer: str
    found: bool
    grounded: bool
    citations: list[CitationOut]
    unknown_citations: list[int] = []
    method: Literal["llm", "extractive", "none"]
    provider: str | None = None
    model: str | None = None
    region: str | None = None
    usage: UsageOut = UsageOut()
    finish_reason: str | None = None
    seconds: float | None = None
    first_seconds: float | None = Field(None, description="Until its first word.")
    language: Language
    query: str


class ConversationIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    title: Title


class ConversationOut(BaseModel):
    """A conversation, seen by its owner alone."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    project_id: UUID
    title: str
    created_at: datetime
    updated_at: datetime


class MessageOut(BaseModel):
    """A turn. `meta` of an answer says who gave it (`provider`, `model`, `usage`, ...)."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    role: Literal["user", "assistant"]
    content: str
    citations: list[CitationOut]
    meta: dict[str, Any]
    said_at: datetime


class ConversationWithMessages(ConversationOut):
    messages: list[MessageOut]


class LibraryOut(BaseModel):
    """What is in a library: documents that can be asked, their passages, my conversations."""

    documents: int
    chunks: int
    conversations: int


ExportFormat = Literal["markdown", "json", "pdf"]
