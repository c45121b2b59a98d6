"""Tables of documents. Parts inherit from their document whose they are and whether they are
private: the database's own foreign keys say so (migration 0003)."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    case,
    false,
    func,
    null,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, column_property, declared_attr, mapped_column

from baukasten_core.db.base import CoreBase, TenantOwned

SHORT = 20_000
"""Characters up to which a document's text comes along in lists."""

IDENTITY = ("tenant_id", "id", "user_id", "private")
"""What parts of a document refer to."""


def part_of_document() -> ForeignKeyConstraint:
    """The foreign key of a part: it goes with its document, and is as private as it."""
    return ForeignKeyConstraint(
        ["tenant_id", "document_id", "user_id", "private"],
        [f"core.documents.{column}" for column in IDENTITY],
        ondelete="CASCADE",
        onupdate="CASCADE",
    )


def _once(name: str, columns: list[str], condition: str) -> Index:
    return Index(
        name,
        *columns,
        unique=True,
        postgresql_where=text(f"{condition} AND status <> 'failed'"),
        postgresql_nulls_not_distinct=True,
    )


class Document(TenantOwned, CoreBase):
    """What somebody put in, and how far it is.

    `content` is the extracted text, normalised; `pages` holds the offset of each page's first
    character. `chunk_count` of `chunk_total` chunks are indexed, with `term_count` terms, in
    the embedding space `space`: there they are searched. While the document is moved to another
    space, or the move is not confirmed yet, `other_count` of them have vectors in `other_space`,
    too. `stored`: the original file is in the blob store.
    `short_content` is the content unless it is long, for lists.
    """

    __tablename__ = "documents"

    project_id: Mapped[UUID | None]
    private: Mapped[bool] = mapped_column(server_default=false())
    type: Mapped[str] = mapped_column(Text)
    filename: Mapped[str | None] = mapped_column(Text)
    url: Mapped[str | None] = mapped_column(Text)
    title: Mapped[str | None] = mapped_column(Text)
    content: Mapped[str | None] = mapped_column(Text, deferred=True)
    content_length: Mapped[int | None] = mapped_column(Integer)
    doc_metadata: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")
    media_type: Mapped[str] = mapped_column(Text)
    size: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    stored: Mapped[bool] = mapped_column(server_default=false())
    language: Mapped[str | None] = mapped_column(Text)
    pages: Mapped[list[int]] = mapped_column(ARRAY(Integer), server_default="{}", deferred=True)
    status: Mapped[str] = mapped_column(Text, server_default="queued")
    error: Mapped[str | None] = mapped_column(Text)
    space: Mapped[str | None] = mapped_column(Text)
    other_space: Mapped[str | None] = mapped_column(Text)
    other_count: Mapped[int] = mapped_column(server_default=text("0"))
    chunk_count: Mapped[int] = mapped_column(server_default=text("0"))
    chunk_total: Mapped[int | None]
    term_count: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))

    page_count: Mapped[int] = column_property(func.cardinality(pages))
    short_content: Mapped[str | None] = column_property(
        case((content_length <= SHORT, content), else_=null())
    )

    @declared_attr.directive
    @classmethod
    def __table_args__(cls) -> tuple[Any, ...]:
        return (
            *super().__table_args__,
            UniqueConstraint(*IDENTITY),
            CheckConstraint("status IN ('queued', 'processing', 'ready', 'failed')", name="status"),
            CheckConstraint("other_space <> space", name="other_space"),
            Index(None, "tenant_id"),
            Index(None, "user_id"),
            Index(None, "tenant_id", "created_at", "id"),
            Index(None, "tenant_id", "project_id", "created_at", "id"),
            Index(
                "ix_documents_queued",
                *("tenant_id", "project_id", "created_at"),
                postgresql_where=text("status = 'queued'"),
            ),
            _once("uq_documents_content", ["tenant_id", "project_id", "sha256"], "NOT private"),
            _once(
                "uq_documents_private",
                ["tenant_id", "user_id", "project_id", "sha256"],
                "private",
            ),
        )


class Chunk(TenantOwned, CoreBase):
    """A passage. `start_offset` and `end_offset` count characters of the document's `content`;
    `text` is what was indexed, which a showcase's text transform may have changed."""

    __tablename__ = "chunks"

    private: Mapped[bool] = mapped_column(server_default=false())
    project_id: Mapped[UUID | None]
    document_id: Mapped[UUID]
    ordinal: Mapped[int]
    text: Mapped[str] = mapped_column(Text)
    start_offset: Mapped[int]
    end_offset: Mapped[int]
    page: Mapped[int | None]

    @declared_attr.directive
    @classmethod
    def __table_args__(cls) -> tuple[Any, ...]:
        return (
            *super().__table_args__,
            UniqueConstraint(*IDENTITY),
            UniqueConstraint("tenant_id", "document_id", "ordinal"),
            part_of_document(),
            Index(None, "tenant_id"),
            Index(None, "user_id"),
            Index(None, "document_id"),
        )


POSTING_COUNTS = ["chunks", "user_id", "private", "project_id"]
"""What counting a term reads, row-level security's part included: then the index is enough."""

postings = Table(
    "postings",
    CoreBase.metadata,
    Column("tenant_id", Uuid, nullable=False),
    Column("document_id", Uuid, nullable=False),
    Column("user_id", Uuid, nullable=False),
    Column("private", Boolean, nullable=False),
    Column("project_id", Uuid),
    Column("term", Text, nullable=False),
    Column("chunks", SmallInteger, nullable=False),
    Column("hits", ARRAY(BigInteger), nullable=False),
    part_of_document(),
    Index(None, "tenant_id", "term", postgresql_include=POSTING_COUNTS),
    Index(None, "document_id", "term"),
)
"""A row for each term of a batch of a document's chunks: how many of them hold it, and `hits` as
`bm25.pack` makes them."""


class SpaceMove(CoreBase):
    """A move of a project's documents to another embedding space; without a project, of those of
    a tenant that are in none.

    `space` is where its new documents go, None: to the default embedder's. `flipped`: documents
    are searched in `to_space` now. `back`: it undoes a move. See `moves.py` for the states.
    """

    __tablename__ = "space_moves"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("core.tenants.id", ondelete="CASCADE"))
    project_id: Mapped[UUID | None]
    space: Mapped[str | None] = mapped_column(Text)
    from_space: Mapped[str] = mapped_column(Text)
    to_space: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text)
    flipped: Mapped[bool] = mapped_column(server_default=false())
    back: Mapped[bool] = mapped_column(server_default=false())
    error: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())

    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "project_id"],
            ["core.projects.tenant_id", "core.projects.id"],
            ondelete="CASCADE",
        ),
        UniqueConstraint("tenant_id", "project_id", postgresql_nulls_not_distinct=True),
        CheckConstraint(
            "state IN ('running', 'paused', 'failed', 'moved', 'dropping', 'settled')",
            name="state",
        ),
    )
