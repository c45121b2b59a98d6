"""What calls to language models cost."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from baukasten_core.db.tenancy import create_tenant_table, drop_tenant_table

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    create_tenant_table(
        "llm_usage",
        sa.Column("instance", sa.Text, nullable=False),
        sa.Column("provider", sa.Text, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("region", sa.Text, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("error", sa.Text),
        sa.Column("prompt_tokens", sa.Integer, nullable=False),
        sa.Column("completion_tokens", sa.Integer, nullable=False),
        sa.Column("estimated", sa.Boolean, nullable=False),
        sa.Column("total_ms", sa.Float, nullable=False),
        sa.Column("first_ms", sa.Float),
        project=False,
    )
    op.create_index(None, "llm_usage", ["created_at"], schema="core")


def downgrade() -> None:
    drop_tenant_table("llm_usage")
