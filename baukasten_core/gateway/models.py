"""The table of the gateway."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Index, Text
from sqlalchemy.orm import Mapped, declared_attr, mapped_column

from baukasten_core.db.base import CoreBase, TenantOwned


class LlmUsage(TenantOwned, CoreBase):
    """One attempt at one instance; see `meter.UsageRecord`."""

    __tablename__ = "llm_usage"

    instance: Mapped[str] = mapped_column(Text)
    provider: Mapped[str] = mapped_column(Text)
    model: Mapped[str] = mapped_column(Text)
    region: Mapped[str] = mapped_column(Text)
    outcome: Mapped[str] = mapped_column(Text)
    error: Mapped[str | None] = mapped_column(Text)
    prompt_tokens: Mapped[int]
    completion_tokens: Mapped[int]
    estimated: Mapped[bool]
    total_ms: Mapped[float]
    first_ms: Mapped[float | None]
    project_id: Mapped[UUID | None]
    api_key_id: Mapped[UUID | None]
    route: Mapped[str] = mapped_column(Text, default="")
    cost: Mapped[int] = mapped_column(BigInteger, default=0)

    @declared_attr.directive
    @classmethod
    def __table_args__(cls) -> tuple[Any, ...]:
        base: tuple[Any, ...] = super().__table_args__
        return (
            *base,
            Index(None, "tenant_id", "created_at"),
            Index(None, "user_id"),
            Index(None, "created_at"),
        )
