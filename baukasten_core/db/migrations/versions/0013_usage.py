"""Usage says for which project and key, by which route, and what it cost."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from baukasten_core.db.tenancy import bind_to_project

revision = "0013"
down_revision = "0012"

COLUMNS = ("project_id", "api_key_id", "route", "cost")


def upgrade() -> None:
    """Without foreign keys: what a project cost is still so when it is gone."""
    for column in (
        sa.Column("project_id", sa.Uuid),
        sa.Column("api_key_id", sa.Uuid),
        sa.Column("route", sa.Text, server_default="", nullable=False),
        sa.Column("cost", sa.BigInteger, server_default="0", nullable=False),
    ):
        op.add_column("llm_usage", column, schema="core")
    bind_to_project("llm_usage")
    op.drop_index("ix_llm_usage_tenant_id", "llm_usage", schema="core")
    op.create_index(None, "llm_usage", ["tenant_id", "created_at"], schema="core")


def downgrade() -> None:
    op.execute("DROP POLICY project ON core.llm_usage")
    op.drop_index("ix_llm_usage_tenant_id_created_at", "llm_usage", schema="core")
    op.create_index(None, "llm_usage", ["tenant_id"], schema="core")
    for column in COLUMNS:
        op.drop_column("llm_usage", column, schema="core")
