"""Conversations and their messages."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from baukasten_core.db.tenancy import create_tenant_table, drop_tenant_table

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    create_tenant_table("conversations", sa.Column("title", sa.Text, nullable=False), private=True)
    create_tenant_table(
        "messages",
        sa.Column("conversation_id", sa.Uuid, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("content", sa.Text, nullable=False),
        sa.Column("citations", JSONB, server_default="[]", nullable=False),
        sa.Column("meta", JSONB, server_default="{}", nullable=False),
        sa.Column(
            "said_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "conversation_id"],
            ["core.conversations.tenant_id", "core.conversations.id"],
            ondelete="CASCADE",
        ),
        private=True,
    )
    op.create_index(None, "messages", ["tenant_id", "conversation_id", "said_at"], schema="core")


def downgrade() -> None:
    drop_tenant_table("messages")
    drop_tenant_table("conversations")
