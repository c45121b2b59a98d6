"""What `/documents` takes and answers."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from baukasten_core.render.sentences import Told

Status = Literal["queued", "processing", "ready", "failed"]
Limit = Annotated[int, Field(ge=1, le=100)]
QUERY_CHARACTERS = 2000
"""Longest query: what is longer is no question, and costs the embedder for nothing."""

LanguageCode = Annotated[str, StringConstraints(pattern=r"^[a-z]{2}$")]


class DocumentOut(BaseModel):
    """A document. In lists `content` is null when it is long (`content_length` characters);
    `GET /documents/{id}` always has it."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    user_id: UUID
    project_id: UUID | None
    type: str
    filename: str | None
    url: str | None
    title: str | None
    content: str | None = Field(validation_alias="short_content")
    content_length: int | None
    doc_metadata: dict[str, Any]
    language: str | None
    media_type: str
    size: int
    pages: int = Field(validation_alias="page_count")
    private: bool
    status: Status
    error: Told | None
    chunks_done: int = Field(validation_alias="chunk_count")
    chunks_total: int | None = Field(validation_alias="chunk_total")
    created_at: datetime
    updated_at: datetime


class PassageOut(BaseModel):
    """A passage that matched: characters `start` to `end` of the document's `content`."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID = Field(validation_alias="chunk_id")
    text: str
    start: int
    end: int
    page: int | None
    score: float


class DocumentFound(DocumentOut):
    """A document with its best passages; `score` (0 to 1) means the same for every query."""

    score: float
    chunks: list[PassageOut]


class Cleared(BaseModel):
    """How many documents were deleted."""

    deleted: int


class TextIn(BaseModel):
    """A document from text."""

    content: Annotated[str, StringConstraints(min_length=1)]
    title: Annotated[str, StringConstraints(max_length=500)] | None = None
    project_id: UUID | None = None
    metadata: dict[str, Any] = Field(default_factory=dict)
    private: bool = Field(False, description="Seen by its user alone, also within the tenant.")


class TextItem(BaseModel):
    """One of many texts."""

    content: Annotated[str, StringConstraints(min_length=1)]
    title: Annotated[str, StringConstraints(max_length=500)] | None = None
    metadata: dict[str, Any] = Field(default_factory=dict)


class TextsIn(BaseModel):
    """Documents from many texts."""

    texts: list[TextItem] = Field(min_length=1, max_length=500)
    project_id: UUID | None = None
    private: bool = Field(False, description="Seen by its user alone, also within the tenant.")


class AddedOut(BaseModel):
    """What became of one of many: the document's `id`, or the `problem` why there is none."""

    id: UUID | None = None
    problem: dict[str, Any] | None = None


class UrlIn(BaseModel):
    """A document from a public web address."""

    url: Annotated[str, StringConstraints(min_length=1, max_length=4096)]
    project_id: UUID | None = None
    metadata: dict[str, Any] = Field(default_factory=dict)
    private: bool = False


class SearchIn(BaseModel):
    """A search; `documents` narrows it, `language` (ISO 639-1) says how the query is stemmed."""

    query: Annotated[str, StringConstraints(max_length=QUERY_CHARACTERS)]
    project_id: UUID | None = None
    limit: Limit = 5
    documents: Annotated[list[UUID], Field(max_length=1000)] | None = None
    language: LanguageCode | None = None
