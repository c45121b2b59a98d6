"""Positions, requirements, candidates, rankings and assessments."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from baukasten_core.api import create_tenant_table, drop_tenant_table

revision = "0001"
down_revision = None


def upgrade() -> None:
    create_tenant_table(
        "positions",
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("document_id", sa.Uuid),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("language", sa.Text),
        sa.Column("made_by", JSONB, nullable=False),
        sa.UniqueConstraint("tenant_id", "project_id"),
        document_key(),
    )
    create_tenant_table(
        "requirements",
        sa.Column("position_id", sa.Uuid, nullable=False),
        sa.Column("ordinal", sa.Integer, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("importance", sa.Text, nullable=False),
        sa.Column("start_offset", sa.Integer, nullable=False),
        sa.Column("end_offset", sa.Integer, nullable=False),
        sa.UniqueConstraint("tenant_id", "position_id", "ordinal"),
        part_of("positions", "position_id"),
    )
    create_tenant_table(
        "candidates",
        sa.Column("document_id", sa.Uuid, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.UniqueConstraint("tenant_id", "project_id", "document_id"),
        sa.UniqueConstraint("tenant_id", "project_id", "number"),
        document_key(),
    )
    create_tenant_table(
        "rankings",
        sa.Column("position_id", sa.Uuid, nullable=False),
        sa.Column("method", sa.Text, nullable=False),
        sa.Column("instance", sa.Text),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("blind", sa.Boolean, nullable=False),
        sa.Column("must_weight", sa.Float, nullable=False),
        sa.Column("nice_weight", sa.Float, nullable=False),
        sa.UniqueConstraint("tenant_id", "position_id"),
        part_of("positions", "position_id"),
    )
    create_tenant_table(
        "assessments",
        sa.Column("ranking_id", sa.Uuid, nullable=False),
        sa.Column("candidate_id", sa.Uuid, nullable=False),
        sa.Column("status", sa.Text, server_default="queued", nullable=False),
        sa.Column("error", sa.Text),
        sa.Column("findings", JSONB, server_default="[]", nullable=False),
        sa.Column("made_by", JSONB, server_default="{}", nullable=False),
        sa.UniqueConstraint("tenant_id", "ranking_id", "candidate_id"),
        sa.Index(None, "tenant_id", "candidate_id"),
        part_of("rankings", "ranking_id"),
        part_of("candidates", "candidate_id"),
    )


def downgrade() -> None:
    for table in ("assessments", "rankings", "candidates", "requirements", "positions"):
        drop_tenant_table(table)


def document_key() -> sa.ForeignKeyConstraint:
    """What was read from a document goes with it."""
    target = ["core.documents.tenant_id", "core.documents.id"]
    return sa.ForeignKeyConstraint(["tenant_id", "document_id"], target, ondelete="CASCADE")


def part_of(table: str, column: str) -> sa.ForeignKeyConstraint:
    target = [f"cv_matcher.{table}.tenant_id", f"cv_matcher.{table}.id"]
    return sa.ForeignKeyConstraint(["tenant_id", column], target, ondelete="CASCADE")
