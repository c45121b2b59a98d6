"""Declarative bases and the columns every tenant table has."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID, uuid4

from sqlalchemy import DateTime, MetaData, UniqueConstraint, func, text
from sqlalchemy.orm import DeclarativeBase, Mapped, declared_attr, mapped_column

CORE_SCHEMA = "core"

# An unset setting reads as NULL on a fresh connection and as '' on a reused one.
TENANT = "NULLIF(current_setting('baukasten.tenant_id', true), '')::uuid"
USER = "NULLIF(current_setting('baukasten.user_id', true), '')::uuid"

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

TYPES: dict[Any, Any] = {datetime: DateTime(timezone=True)}


class CoreBase(DeclarativeBase):
    """Base of the core's tables, in the schema `core`."""

    metadata = MetaData(schema=CORE_SCHEMA, naming_convention=NAMES)
    type_annotation_map: ClassVar[dict[Any, Any]] = TYPES


def showcase_base(name: str) -> type[DeclarativeBase]:
    """The declarative base of a showcase: its tables live in a schema of its name."""

    class Base(DeclarativeBase):
        metadata = MetaData(schema=name, naming_convention=NAMES)
        type_annotation_map: ClassVar[dict[Any, Any]] = TYPES

    return Base


class TenantOwned:
    """Columns of a table made by `create_tenant_table(..., project=False)`.

    The foreign keys to the tenant, the project and the user are the migration's alone: a
    showcase's metadata does not hold the tables they point to. A row that is not given its
    tenant and user belongs to those of the transaction.
    """

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    tenant_id: Mapped[UUID] = mapped_column(server_default=text(TENANT))
    user_id: Mapped[UUID] = mapped_column(server_default=text(USER))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())

    @declared_attr.directive
    @classmethod
    def __table_args__(cls) -> tuple[Any, ...]:
        return (UniqueConstraint("tenant_id", "id"),)


class ProjectOwned(TenantOwned):
    """Columns of a table made by `create_tenant_table(...)`: rows that belong to a project."""

    project_id: Mapped[UUID]
