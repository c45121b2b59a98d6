"""Conversations and their messages, for every showcase."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Index, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, declared_attr, mapped_column

from baukasten_core.db.base import CoreBase, ProjectOwned


class Conversation(ProjectOwned, CoreBase):
    """A chat in a project; seen by its user alone while `private`."""

    __tablename__ = "conversations"

    title: Mapped[str] = mapped_column(Text)
    private: Mapped[bool] = mapped_column(default=True, server_default=text("false"))

    @declared_attr.directive
    @classmethod
    def __table_args__(cls) -> tuple[Any, ...]:
        base: tuple[Any, ...] = super().__table_args__
        return (*base, Index(None, "tenant_id", "project_id"), Index(None, "user_id"))


class Message(ProjectOwned, CoreBase):
    """One turn. `citations` as `Citation.as_json`; `meta` says who answered (provider, model,
    region, tokens)."""

    __tablename__ = "messages"

    conversation_id: Mapped[UUID]
    role: Mapped[str] = mapped_column(Text)
    content: Mapped[str] = mapped_column(Text)
    citations: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default="[]")
    meta: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")
    private: Mapped[bool] = mapped_column(default=True, server_default=text("false"))
    said_at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))

    @declared_attr.directive
    @classmethod
    def __table_args__(cls) -> tuple[Any, ...]:
        base: tuple[Any, ...] = super().__table_args__
        return (
            *base,
            Index(None, "tenant_id", "project_id"),
            Index(None, "user_id"),
            ForeignKeyConstraint(
                ["tenant_id", "conversation_id"],
                ["core.conversations.tenant_id", "core.conversations.id"],
                ondelete="CASCADE",
            ),
            Index(None, "tenant_id", "conversation_id", "said_at"),
        )
