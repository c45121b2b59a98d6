"""Tables, in the schema `cv_matcher`. Foreign keys to the core's tables are the migration's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Index, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, declared_attr, mapped_column

from baukasten_core.api import PersonalData, ProjectOwned, showcase_base

if TYPE_CHECKING:

    class Base(DeclarativeBase): ...

else:
    Base = showcase_base("cv_matcher")


def _part_of(table: str, column: str) -> ForeignKeyConstraint:
    target = [f"cv_matcher.{table}.tenant_id", f"cv_matcher.{table}.id"]
    return ForeignKeyConstraint(["tenant_id", column], target, ondelete="CASCADE")


class Owned(ProjectOwned):
    """What every table here has."""

    @classmethod
    def own_arguments(cls) -> tuple[Any, ...]:
        return ()

    @declared_attr.directive
    @classmethod
    def __table_args__(cls) -> tuple[Any, ...]:
        return (
            UniqueConstraint("tenant_id", "id"),
            Index(None, "tenant_id", "project_id"),
            Index(None, "user_id"),
            *cls.own_arguments(),
        )


class Position(Owned, Base):
    """A project's job advertisement; a new one replaces it, with all that followed from it.

    `made_by`: who found the requirements (`method`, `provider`, `model`, `region`).
    """

    __tablename__ = "positions"

    source: Mapped[str] = mapped_column(Text)
    document_id: Mapped[UUID | None]
    text: Mapped[str] = mapped_column(Text)
    language: Mapped[str | None] = mapped_column(Text)
    made_by: Mapped[dict[str, Any]] = mapped_column(JSONB)

    @classmethod
    def own_arguments(cls) -> tuple[Any, ...]:
        return (UniqueConstraint("tenant_id", "project_id"),)


class RequirementRow(Owned, Base):
    """A piece of the advertisement, from `start_offset` to `end_offset`."""

    __tablename__ = "requirements"

    position_id: Mapped[UUID]
    ordinal: Mapped[int]
    text: Mapped[str] = mapped_column(Text)
    importance: Mapped[str] = mapped_column(Text)
    start_offset: Mapped[int]
    end_offset: Mapped[int]

    @classmethod
    def own_arguments(cls) -> tuple[Any, ...]:
        unique = UniqueConstraint("tenant_id", "position_id", "ordinal")
        return (unique, _part_of("positions", "position_id"))


class Candidate(Owned, Base):
    """A document of the project that is a CV; `number` stands for it in blind mode."""

    __tablename__ = "candidates"

    document_id: Mapped[UUID]
    number: Mapped[int]

    @classmethod
    def own_arguments(cls) -> tuple[Any, ...]:
        return (
            UniqueConstraint("tenant_id", "project_id", "document_id"),
            UniqueConstraint("tenant_id", "project_id", "number"),
        )


class Ranking(Owned, Base):
    """One run over all candidates. Method, instance and weights are fixed when it starts, so that
    every candidate is judged alike."""

    __tablename__ = "rankings"

    position_id: Mapped[UUID]
    method: Mapped[str] = mapped_column(Text)
    instance: Mapped[str | None] = mapped_column(Text)
    model: Mapped[str] = mapped_column(Text)
    blind: Mapped[bool]
    must_weight: Mapped[float]
    nice_weight: Mapped[float]

    @classmethod
    def own_arguments(cls) -> tuple[Any, ...]:
        return (
            UniqueConstraint("tenant_id", "position_id"),
            _part_of("positions", "position_id"),
        )


class AssessmentRow(Owned, Base):
    """A candidate in a ranking: `queued`, `done` with findings, or `failed` with the reason."""

    __tablename__ = "assessments"

    ranking_id: Mapped[UUID]
    candidate_id: Mapped[UUID]
    status: Mapped[str] = mapped_column(Text, server_default="queued")
    error: Mapped[str | None] = mapped_column(Text)
    findings: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default="[]")
    made_by: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")

    @classmethod
    def own_arguments(cls) -> tuple[Any, ...]:
        return (
            UniqueConstraint("tenant_id", "ranking_id", "candidate_id"),
            Index(None, "tenant_id", "candidate_id"),
            _part_of("rankings", "ranking_id"),
            _part_of("candidates", "candidate_id"),
        )


PURPOSE = "comparing candidates with a job's requirements"
DATA_MAP = (
    PersonalData(
        "positions", "people named in a job advertisement", PURPOSE, "legitimate_interests"
    ),
    PersonalData("requirements", "the account's owner", PURPOSE, "legitimate_interests"),
    PersonalData("candidates", "candidates", PURPOSE, "legitimate_interests"),
    PersonalData("rankings", "the account's owner", PURPOSE, "legitimate_interests"),
    PersonalData("assessments", "candidates", PURPOSE, "legitimate_interests"),
)
