"""The database tells when what processes remember is not so any more (db/remembered.py)."""

from __future__ import annotations

from alembic import op

revision = "0012"
down_revision = "0011"

TELL = """
CREATE FUNCTION core.tell_changes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('baukasten_changes', '');
    RETURN NULL;
END $$
"""

CHANGES = {
    "users": "UPDATE OF email, is_active, is_admin, language OR DELETE",
    "memberships": "UPDATE OR DELETE",
    "sessions": "DELETE",
    "api_keys": "UPDATE OF key_hash, scopes, expires_at, project_id OR DELETE",
    "tenants": "UPDATE OF residency",
    "projects": "UPDATE OF residency OR DELETE",
}
"""All that a principal is made of, less what says when it was used; and where data may go. One
transaction, one notice."""


def upgrade() -> None:
    op.execute(TELL)
    for table, change in CHANGES.items():
        op.execute(
            f"CREATE TRIGGER tell_changes AFTER {change} ON core.{table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION core.tell_changes()"
        )


def downgrade() -> None:
    op.execute("DROP FUNCTION core.tell_changes() CASCADE")
