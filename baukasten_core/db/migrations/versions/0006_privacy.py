"""Privacy: the audit log, and erasures that have begun."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from baukasten_core.db.base import TENANT, USER
from baukasten_core.db.roles import Roles
from baukasten_core.db.tenancy import protect_system_table

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    _audit()
    _erasures()


def downgrade() -> None:
    op.drop_table("erasures", schema="core")
    op.drop_table("audit", schema="core")


def _audit() -> None:
    """Who, what, when, in which tenant, with which outcome; ids only.

    Its references are cleared when the user or the tenant goes: what happened stays, who it was
    does not.
    """
    op.create_table(
        "audit",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column("tenant_id", sa.Uuid),
        sa.Column("user_id", sa.Uuid),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("object_type", sa.Text),
        sa.Column("object_id", sa.Uuid),
        sa.Column("details", JSONB, server_default="{}", nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["core.tenants.id"], ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["user_id"], ["core.users.id"], ondelete="SET NULL"),
        sa.Index(None, "created_at", "id"),
        sa.Index(None, "tenant_id"),
        sa.Index(None, "user_id"),
        sa.Index(None, "object_id"),
        schema="core",
    )
    protect_system_table("audit")
    app = _roles().app
    # An entry is written as the one who acts and is never changed: no UPDATE, no DELETE.
    for statement in (
        f'CREATE POLICY app_reads ON core.audit FOR SELECT TO "{app}" USING (user_id = {USER})',
        f'CREATE POLICY app_writes ON core.audit FOR INSERT TO "{app}" WITH CHECK'
        f" (user_id IS NOT DISTINCT FROM {USER} AND (tenant_id IS NULL OR tenant_id = {TENANT}))",
        f'GRANT SELECT, INSERT ON core.audit TO "{app}"',
    ):
        op.execute(statement)


def _erasures() -> None:
    """Accounts whose erasure has begun: a job goes on with those that were interrupted."""
    op.create_table(
        "erasures",
        sa.Column("user_id", sa.Uuid, primary_key=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.func.now(),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(["user_id"], ["core.users.id"], ondelete="CASCADE"),
        schema="core",
    )
    protect_system_table("erasures")


def _roles() -> Roles:
    config = op.get_context().config
    assert config is not None
    roles: Roles = config.attributes["roles"]
    return roles
