"""A project is one instance of a showcase."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Index
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, declared_attr, mapped_column
from sqlalchemy.types import Text

from baukasten_core.db.base import CoreBase, TenantOwned


class Project(TenantOwned, CoreBase):
    """One instance of a showcase. `residency` narrows the tenant's; None: the tenant's."""

    __tablename__ = "projects"

    name: Mapped[str] = mapped_column(Text)
    type: Mapped[str] = mapped_column(Text)
    description: Mapped[str | None] = mapped_column(Text)
    config: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict, server_default="{}")
    residency: Mapped[list[str] | None] = mapped_column(ARRAY(Text))

    @declared_attr.directive
    @classmethod
    def __table_args__(cls) -> tuple[Any, ...]:
        base: tuple[Any, ...] = super().__table_args__
        return (
            *base,
            Index(None, "tenant_id"),
            Index(None, "user_id"),
            Index(None, "tenant_id", "updated_at", "id"),
        )
