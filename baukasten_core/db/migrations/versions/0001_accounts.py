"""Accounts: users, tenants, memberships, sessions; the data map and the plugins' states."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

from baukasten_core.db.base import USER
from baukasten_core.db.tenancy import (
    SAME_TENANT,
    create_tenant_table,
    protect_system_table,
    protect_table,
)

revision = "0001"
down_revision = None

NOW = sa.func.now()
YES, NO = sa.text("true"), sa.text("false")


def upgrade() -> None:
    _bookkeeping()
    _people()
    _sessions()
    _proofs()
    _invitations()


def downgrade() -> None:
    op.execute("DROP POLICY app ON core.tenants")  # it asks the table of memberships
    for table in (
        *("invitations", "attempts", "mail_tokens", "identities", "api_keys", "sessions"),
        *("memberships", "tenants", "users", "plugins", "data_map"),
    ):
        op.drop_table(table, schema="core")


def _bookkeeping() -> None:
    op.create_table(
        "data_map",
        sa.Column("plugin", sa.Text, primary_key=True),
        sa.Column("table", sa.Text, primary_key=True),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("legal_basis", sa.Text, nullable=False),
        sa.Column("retention", sa.Text, nullable=False),
        sa.Column("retention_days", sa.Integer),
        sa.Column("owner_column", sa.Text, nullable=False),
        sa.Column("exclude", ARRAY(sa.Text), nullable=False),
        schema="core",
    )
    op.create_table(
        "plugins",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("revision", sa.Text),
        sa.Column("reason", sa.Text),
        sa.Column("migrated_at", sa.DateTime(timezone=True), server_default=NOW, nullable=False),
        schema="core",
    )
    for table in ("data_map", "plugins"):
        op.execute(f'GRANT SELECT ON core.{table} TO "{_app()}"')


def _people() -> None:
    op.create_table(
        "users",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("email", sa.Text, nullable=False, unique=True),
        sa.Column("password_hash", sa.Text),
        sa.Column("is_active", sa.Boolean, server_default=YES, nullable=False),
        sa.Column("is_verified", sa.Boolean, server_default=NO, nullable=False),
        sa.Column("is_admin", sa.Boolean, server_default=NO, nullable=False),
        sa.Column("language", sa.Text, server_default="en", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=NOW, nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=NOW, nullable=False),
        schema="core",
    )
    op.create_table(
        "tenants",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("personal_of", sa.Uuid, unique=True),
        sa.Column("residency", ARRAY(sa.Text), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=NOW, nullable=False),
        sa.ForeignKeyConstraint(["personal_of"], ["core.users.id"], ondelete="CASCADE"),
        schema="core",
    )
    op.create_table(
        "memberships",
        sa.Column("tenant_id", sa.Uuid, primary_key=True),
        sa.Column("user_id", sa.Uuid, primary_key=True),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=NOW, nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["core.tenants.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user_id"], ["core.users.id"], ondelete="CASCADE"),
        sa.CheckConstraint("role IN ('owner', 'admin', 'member')", name="role"),
        sa.Index(None, "user_id"),
        schema="core",
    )
    # Roles, verification and whole accounts change only through the functions in system.sql,
    # which check who asks: a bug in a route can't make anybody an admin or an owner.
    protect_table(
        "users",
        rule=f"id = {USER}",
        grant="SELECT, UPDATE (email, password_hash, language, updated_at)",
    )
    # A tenant is seen by its members: through one's own memberships, whatever tenant is chosen.
    protect_table("memberships", rule=f"user_id = {USER} OR {SAME_TENANT}", grant="SELECT")
    protect_table(
        "tenants",
        rule=f"id IN (SELECT tenant_id FROM core.memberships WHERE user_id = {USER})",
        grant="SELECT",
    )


def _sessions() -> None:
    op.create_table(
        "sessions",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("user_id", sa.Uuid, nullable=False),
        sa.Column("family_hash", sa.LargeBinary, nullable=False),
        sa.Column("refresh_hash", sa.LargeBinary, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=NOW, nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), server_default=NOW, nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("user_agent", sa.Text, server_default="", nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["core.users.id"], ondelete="CASCADE"),
        sa.Index(None, "user_id"),
        schema="core",
    )
    protect_table("sessions", rule=f"user_id = {USER}", grant="SELECT, INSERT, DELETE")
    op.create_table(
        "api_keys",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("tenant_id", sa.Uuid, nullable=False),
        sa.Column("user_id", sa.Uuid, nullable=False),
        sa.Column("project_id", sa.Uuid),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("prefix", sa.Text, nullable=False),
        sa.Column("key_hash", sa.LargeBinary, nullable=False, unique=True),
        sa.Column("scopes", ARRAY(sa.Text), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=NOW, nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True)),
        sa.Column("expires_at", sa.DateTime(timezone=True)),
        # A key dies with its user's membership; 0002 ties it to its project.
        sa.ForeignKeyConstraint(
            ["tenant_id", "user_id"],
            ["core.memberships.tenant_id", "core.memberships.user_id"],
            ondelete="CASCADE",
        ),
        sa.Index(None, "user_id"),
        sa.Index(None, "tenant_id", "user_id"),
        sa.Index(None, "tenant_id", "project_id"),
        schema="core",
    )
    protect_table("api_keys", rule=f"user_id = {USER}", grant="SELECT, INSERT, DELETE")


def _proofs() -> None:
    """What proves who somebody is, and how often it was tried."""
    op.create_table(
        "identities",
        sa.Column("issuer", sa.Text, primary_key=True),
        sa.Column("subject", sa.Text, primary_key=True),
        sa.Column("user_id", sa.Uuid, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=NOW, nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["core.users.id"], ondelete="CASCADE"),
        sa.Index(None, "user_id"),
        schema="core",
    )
    protect_table("identities", rule=f"user_id = {USER}", grant="SELECT, INSERT, DELETE")
    op.create_table(
        "mail_tokens",
        sa.Column("token_hash", sa.LargeBinary, primary_key=True),
        sa.Column("user_id", sa.Uuid, nullable=False),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=NOW, nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["core.users.id"], ondelete="CASCADE"),
        sa.CheckConstraint("purpose IN ('verify', 'reset')", name="purpose"),
        sa.Index(None, "user_id"),
        schema="core",
    )
    protect_table("mail_tokens", rule=f"user_id = {USER}")
    # Keys are hashes: neither the account nor the address that tried can be read from a row.
    op.create_table(
        "attempts",
        sa.Column("key", sa.LargeBinary, primary_key=True),
        sa.Column("count", sa.Integer, nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Index(None, "until"),
        schema="core",
    )
    protect_system_table("attempts")


def _invitations() -> None:
    create_tenant_table(
        "invitations",
        sa.Column("email", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("token_hash", sa.LargeBinary, nullable=False, unique=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.UniqueConstraint("tenant_id", "email"),
        sa.CheckConstraint("role IN ('owner', 'admin', 'member')", name="role"),
        project=False,
    )


def _app() -> str:
    config = op.get_context().config
    assert config is not None
    name: str = config.attributes["roles"].app
    return name
