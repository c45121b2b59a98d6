"""Entries, the chapters made from them, and books."""

from __future__ import annotations

import datetime as dt
import os
import time
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, declared_attr, mapped_column

from baukasten_core.api import ProjectOwned, showcase_base

NAME = "tellmelife"

Base = showcase_base(NAME)


def uuid7() -> UUID:
    """An id that sorts by the time it was made, so that entries of one day keep their order."""
    value = int(time.time() * 1000) << 80 | int.from_bytes(os.urandom(10))
    return UUID(int=value & ~(0xF << 76 | 0x3 << 62) | 7 << 76 | 2 << 62)


class Entry(ProjectOwned, Base):  # type: ignore[valid-type, misc]
    """What somebody wrote about a day; seen by its user alone while `private`."""

    __tablename__ = "entries"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    date: Mapped[dt.date]
    title: Mapped[str | None] = mapped_column(Text)
    text: Mapped[str] = mapped_column(Text)
    language: Mapped[str] = mapped_column(Text)
    private: Mapped[bool] = mapped_column(default=False, server_default=sa.text("false"))

    @property
    def moment(self) -> dt.datetime:
        """The day as a moment, for cursors."""
        return dt.datetime.combine(self.date, dt.time(), dt.UTC)

    @declared_attr.directive
    @classmethod
    def __table_args__(cls) -> tuple[Any, ...]:
        base: tuple[Any, ...] = super().__table_args__
        return (
            *base,
            UniqueConstraint("tenant_id", "id", "user_id", "private"),
            Index(None, "tenant_id", "project_id"),
            Index(None, "user_id"),
            Index(None, "tenant_id", "project_id", "date", "id"),
        )


class Chapter(ProjectOwned, Base):  # type: ignore[valid-type, misc]
    """The chapter of an entry: as private as it, and gone with it.

    `status`: `ready`, or `failed` with the reason in `error` and no text. `method`: `llm`, or
    `extractive` for the entry's own words. `unverified`: names, dates and numbers that the entry
    does not have. `meta` says who wrote it (instance, provider, model, region). `source` tells
    whether the entry has changed since.
    """

    __tablename__ = "chapters"

    entry_id: Mapped[UUID]
    private: Mapped[bool] = mapped_column(default=False, server_default=sa.text("false"))
    status: Mapped[str] = mapped_column(Text)
    title: Mapped[str] = mapped_column(Text, server_default="")
    text: Mapped[str] = mapped_column(Text, server_default="")
    method: Mapped[str | None] = mapped_column(Text)
    unverified: Mapped[list[str]] = mapped_column(JSONB, server_default="[]")
    meta: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")
    source: Mapped[str] = mapped_column(Text)
    error: Mapped[str | None] = mapped_column(Text)

    @declared_attr.directive
    @classmethod
    def __table_args__(cls) -> tuple[Any, ...]:
        base: tuple[Any, ...] = super().__table_args__
        owner = ["tenant_id", "id", "user_id", "private"]
        return (
            *base,
            ForeignKeyConstraint(
                ["tenant_id", "entry_id", "user_id", "private"],
                [f"{NAME}.entries.{column}" for column in owner],
                ondelete="CASCADE",
                onupdate="CASCADE",
            ),
            CheckConstraint("status IN ('ready', 'failed')", name="status"),
            UniqueConstraint("tenant_id", "entry_id"),
            Index(None, "tenant_id", "project_id"),
            Index(None, "user_id"),
        )


class Book(ProjectOwned, Base):  # type: ignore[valid-type, misc]
    """A book and how far it is. Its file is kept with the project under the row's id.

    `since`, `until`: only entries of these days. `failed`: entries whose chapter failed, each
    with its date, title and the reason; the book has a page that says so in each one's place.
    `missing`: characters that no font here can show.
    """

    __tablename__ = "books"

    status: Mapped[str] = mapped_column(Text, server_default="queued")
    title: Mapped[str] = mapped_column(Text)
    subtitle: Mapped[str] = mapped_column(Text, server_default="")
    author: Mapped[str] = mapped_column(Text, server_default="")
    dedication: Mapped[str] = mapped_column(Text, server_default="")
    language: Mapped[str] = mapped_column(Text)
    since: Mapped[dt.date | None]
    until: Mapped[dt.date | None]
    private: Mapped[bool] = mapped_column(default=False, server_default=sa.text("false"))
    done: Mapped[int] = mapped_column(server_default=sa.text("0"))
    total: Mapped[int] = mapped_column(server_default=sa.text("0"))
    failed: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default="[]")
    missing: Mapped[list[str]] = mapped_column(JSONB, server_default="[]")
    pages: Mapped[int | None]
    size: Mapped[int | None]
    error: Mapped[str | None] = mapped_column(Text)

    @declared_attr.directive
    @classmethod
    def __table_args__(cls) -> tuple[Any, ...]:
        base: tuple[Any, ...] = super().__table_args__
        return (
            *base,
            CheckConstraint("status IN ('queued', 'running', 'ready', 'failed')", name="status"),
            Index(None, "tenant_id", "project_id"),
            Index(None, "user_id"),
        )
