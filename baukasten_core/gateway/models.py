"""The tables of the gateway."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, Text, UniqueConstraint, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, declared_attr, mapped_column

from baukasten_core.db.base import CoreBase, TenantOwned


def _of_tenant() -> Any:
    return mapped_column(ForeignKey("core.tenants.id", ondelete="CASCADE"), primary_key=True)


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


class LlmCache(TenantOwned, CoreBase):
    """An answer, by what was asked; see `cache.key_of`."""

    __tablename__ = "llm_cache"

    key: Mapped[str] = mapped_column(Text)
    answer: Mapped[dict[str, Any]] = mapped_column(JSONB)

    @declared_attr.directive
    @classmethod
    def __table_args__(cls) -> tuple[Any, ...]:
        base: tuple[Any, ...] = super().__table_args__
        return (
            *base,
            UniqueConstraint("tenant_id", "key"),
            Index(None, "tenant_id"),
            Index(None, "user_id"),
            Index(None, "created_at"),
        )


class LlmLimit(CoreBase):
    """What a tenant, a project or a key may use; see `limits.Limits`."""

    __tablename__ = "llm_limits"

    tenant_id: Mapped[UUID] = _of_tenant()
    subject: Mapped[str] = mapped_column(Text, primary_key=True)
    requests_per_minute: Mapped[int | None] = mapped_column(BigInteger)
    tokens_per_minute: Mapped[int | None] = mapped_column(BigInteger)
    tokens_per_month: Mapped[int | None] = mapped_column(BigInteger)
    money_per_month: Mapped[int | None] = mapped_column(BigInteger)


class LlmMeter(CoreBase):
    """What was used of a limit (`limits.Cap.meter`) in a period."""

    __tablename__ = "llm_meters"

    tenant_id: Mapped[UUID] = _of_tenant()
    meter: Mapped[str] = mapped_column(Text, primary_key=True)
    period: Mapped[datetime] = mapped_column(primary_key=True)
    used: Mapped[int] = mapped_column(BigInteger, server_default="0")


class LlmLease(CoreBase):
    """What a replica holds of it, charged as if it were used."""

    __tablename__ = "llm_leases"

    tenant_id: Mapped[UUID] = _of_tenant()
    meter: Mapped[str] = mapped_column(Text, primary_key=True)
    period: Mapped[datetime] = mapped_column(primary_key=True)
    replica: Mapped[UUID] = mapped_column(primary_key=True)
    amount: Mapped[int] = mapped_column(BigInteger)
    at: Mapped[datetime] = mapped_column(server_default=func.now())
