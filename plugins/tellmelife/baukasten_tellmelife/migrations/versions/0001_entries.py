"""Entries, chapters and books."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from baukasten_core.api import create_tenant_table, drop_tenant_table

revision = "0001"
down_revision = None

SCHEMA = "tellmelife"
OWNER = ["tenant_id", "id", "user_id", "private"]
"""What a chapter refers to, so that the database itself makes it as private as its entry."""


def upgrade() -> None:
    create_tenant_table(
        "entries",
        sa.Column("date", sa.Date, nullable=False),
        sa.Column("title", sa.Text),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("language", sa.Text, nullable=False),
        sa.UniqueConstraint(*OWNER),
        private=True,
    )
    op.create_index(None, "entries", ["tenant_id", "project_id", "date", "id"], schema=SCHEMA)
    create_tenant_table(
        "chapters",
        sa.Column("entry_id", sa.Uuid, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        _text("title"),
        _text("text"),
        sa.Column("method", sa.Text),
        sa.Column("unverified", JSONB, server_default="[]", nullable=False),
        sa.Column("meta", JSONB, server_default="{}", nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("error", sa.Text),
        sa.ForeignKeyConstraint(
            ["tenant_id", "entry_id", "user_id", "private"],
            [f"{SCHEMA}.entries.{column}" for column in OWNER],
            ondelete="CASCADE",
            onupdate="CASCADE",
        ),
        sa.CheckConstraint("status IN ('ready', 'failed')", name="status"),
        sa.UniqueConstraint("tenant_id", "entry_id"),
        private=True,
    )
    create_tenant_table(
        "books",
        sa.Column("status", sa.Text, server_default="queued", nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        *(_text(name) for name in ("subtitle", "author", "dedication")),
        sa.Column("language", sa.Text, nullable=False),
        sa.Column("since", sa.Date),
        sa.Column("until", sa.Date),
        sa.Column("done", sa.Integer, server_default=sa.text("0"), nullable=False),
        sa.Column("total", sa.Integer, server_default=sa.text("0"), nullable=False),
        sa.Column("failed", JSONB, server_default="[]", nullable=False),
        sa.Column("missing", JSONB, server_default="[]", nullable=False),
        sa.Column("pages", sa.Integer),
        sa.Column("size", sa.Integer),
        sa.Column("error", sa.Text),
        sa.CheckConstraint("status IN ('queued', 'running', 'ready', 'failed')", name="status"),
        private=True,
    )


def downgrade() -> None:
    for table in ("books", "chapters", "entries"):
        drop_tenant_table(table)


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, server_default="", nullable=False)
