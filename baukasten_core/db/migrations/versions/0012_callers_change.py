"""The database tells when a caller is not what it was (accounts/known_callers.py)."""

from __future__ import annotations

from alembic import op

revision = "0012"
down_revision = "0011"

TELL = """
CREATE FUNCTION core.tell_callers_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('baukasten_callers', '');
    RETURN NULL;
END $$
"""

CHANGES = {
    "users": "UPDATE OF email, is_active, is_admin, language OR DELETE",
    "memberships": "UPDATE OR DELETE",
    "sessions": "DELETE",
    "api_keys": "UPDATE OF key_hash, scopes, expires_at, project_id OR DELETE",
}
"""All that a principal is made of, less what says when it was used. One statement, one notice; one
transaction, one notice too."""


def upgrade() -> None:
    op.execute(TELL)
    for table, change in CHANGES.items():
        op.execute(
            f"CREATE TRIGGER tell_callers_change AFTER {change} ON core.{table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION core.tell_callers_change()"
        )


def downgrade() -> None:
    op.execute("DROP FUNCTION core.tell_callers_change() CASCADE")
