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
    documents: list[UUID] | None = Field(
        None, max_length=1000, description="Look in these documents only."
    )
    limit: int = Field(6, ge=1, le=20, description="Passages that are looked at, at most.")


class CitationOut(BaseModel):
    """What the answer's `[number]` rests on: characters `start` to `end` of the document.
    `verified`: the quote stands there word for word."""

    number: int
    document_id: UUID
    title: str
    quote: str
    start: int
    end: int
    page: int | None
    score: float
    verified: bool


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
    language model answers. `query` is what was looked up.
    """

    conversation_id: UUID
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
