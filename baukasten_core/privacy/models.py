"""The audit log's table and the mark of an erasure that has begun."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Index, Text, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from baukasten_core.db.base import CoreBase


class AuditEntry(CoreBase):
    """Who did what, when, in which tenant, with which outcome. Ids and names of settings only,
    never text; append-only for the platform."""

    __tablename__ = "audit"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    created_at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))
    tenant_id: Mapped[UUID | None]
    user_id: Mapped[UUID | None]
    action: Mapped[str] = mapped_column(Text)
    outcome: Mapped[str] = mapped_column(Text)
    object_type: Mapped[str | None] = mapped_column(Text)
    object_id: Mapped[UUID | None]
    details: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")

    __table_args__ = (
        Index(None, "created_at", "id"),
        Index(None, "tenant_id"),
        Index(None, "user_id"),
        Index(None, "object_id"),
    )


class Erasure(CoreBase):
    """An account whose erasure has begun and not ended."""

    __tablename__ = "erasures"

    user_id: Mapped[UUID] = mapped_column(primary_key=True)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
