"""Answers that are given again to the same question, where the operator wants that."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from baukasten_core.db.tenancy import create_tenant_table, drop_tenant_table

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    create_tenant_table(
        "llm_cache",
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("answer", JSONB, nullable=False),
        sa.UniqueConstraint("tenant_id", "key"),
        project=False,
    )
    op.create_index(None, "llm_cache", ["created_at"], schema="core")


def downgrade() -> None:
    drop_tenant_table("llm_cache")
