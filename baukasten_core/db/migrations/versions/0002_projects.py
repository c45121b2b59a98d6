"""Projects: instances of showcases."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from baukasten_core.db.tenancy import create_tenant_table, drop_tenant_table

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    create_tenant_table(
        "projects",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("description", sa.Text),
        sa.Column("config", JSONB, server_default="{}", nullable=False),
        sa.Column("residency", ARRAY(sa.Text)),
        project=False,
    )
    op.create_index(None, "projects", ["tenant_id", "updated_at", "id"], schema="core")
    op.create_foreign_key(
        None,
        "api_keys",
        "projects",
        ["tenant_id", "project_id"],
        ["tenant_id", "id"],
        source_schema="core",
        referent_schema="core",
        ondelete="CASCADE",
    )


def downgrade() -> None:
    op.drop_constraint("fk_api_keys_tenant_id_project_id", "api_keys", schema="core")
    drop_tenant_table("projects")
