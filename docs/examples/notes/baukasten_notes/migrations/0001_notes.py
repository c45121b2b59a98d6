from baukasten_core.api import create_tenant_table, drop_tenant_table
from sqlalchemy import Column, String

revision, down_revision = "0001", None


def upgrade() -> None:
    create_tenant_table("notes", Column("text", String, nullable=False))


def downgrade() -> None:
    drop_tenant_table("notes")
