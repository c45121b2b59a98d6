"""Files that showcases keep with a project."""

from __future__ import annotations

import sqlalchemy as sa

from baukasten_core.db.tenancy import create_tenant_table, drop_tenant_table

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    create_tenant_table(
        "files",
        sa.Column("filename", sa.Text, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    drop_tenant_table("files")
