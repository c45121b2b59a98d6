"""Moving to another embedding space; the database refuses vectors of a wrong one."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from baukasten_core.db.roles import Roles
from baukasten_core.db.tenancy import protect_table

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    _documents()
    _moves()
    _refuse_other_spaces()


def downgrade() -> None:
    op.execute(RELEASE_SPACES)
    op.execute("DROP FUNCTION core.prepare_space(text, integer)")
    op.execute("DROP FUNCTION core.bind_space(text)")
    op.execute("ALTER FUNCTION core.make_space(text, integer) RENAME TO prepare_space")
    _let_everybody_prepare()
    op.drop_table("space_moves", schema="core")
    op.drop_constraint("ck_documents_other_space", "documents", schema="core")
    op.drop_column("documents", "other_count", schema="core")
    op.drop_column("documents", "other_space", schema="core")


def _documents() -> None:
    none = sa.text("0")
    op.add_column("documents", sa.Column("other_space", sa.Text), schema="core")
    op.add_column(
        "documents",
        sa.Column("other_count", sa.Integer, server_default=none, nullable=False),
        schema="core",
    )
    op.create_check_constraint(
        op.f("ck_documents_other_space"), "documents", "other_space <> space", schema="core"
    )


def _moves() -> None:
    """Of a project, or, without one, of a tenant's documents that are in none."""
    no, now = sa.text("false"), sa.func.now()
    op.create_table(
        "space_moves",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("tenant_id", sa.Uuid, nullable=False),
        sa.Column("project_id", sa.Uuid),
        sa.Column("space", sa.Text),
        sa.Column("from_space", sa.Text, nullable=False),
        sa.Column("to_space", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("flipped", sa.Boolean, server_default=no, nullable=False),
        sa.Column("back", sa.Boolean, server_default=no, nullable=False),
        sa.Column("error", sa.Text),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=now, nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["core.tenants.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["tenant_id", "project_id"],
            ["core.projects.tenant_id", "core.projects.id"],
            ondelete="CASCADE",
        ),
        sa.UniqueConstraint("tenant_id", "project_id", postgresql_nulls_not_distinct=True),
        sa.CheckConstraint(
            "state IN ('running', 'paused', 'failed', 'moved', 'dropping', 'settled')",
            name="state",
        ),
        schema="core",
    )
    protect_table("space_moves")


# --- the database refuses vectors of a wrong space ----------------------------------------

RULE = (
    "EXISTS (SELECT FROM core.documents d WHERE d.tenant_id = %1$I.tenant_id"
    " AND d.id = %1$I.document_id AND %2$L IN (d.space, d.other_space))"
)
BIND_SPACE = f"""
CREATE FUNCTION core.bind_space(p_space text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, core, pg_temp AS $body$
DECLARE
    v_table text := 'vectors_' || p_space;
BEGIN
    IF EXISTS (SELECT FROM pg_policies WHERE schemaname = 'core' AND tablename = v_table
               AND policyname = 'space') THEN
        RETURN;
    END IF;
    EXECUTE format($policy$CREATE POLICY space ON core.%1$I AS RESTRICTIVE FOR INSERT
        TO "{{app}}" WITH CHECK ({RULE})$policy$, v_table, p_space);
    EXECUTE format($policy$CREATE POLICY space_kept ON core.%1$I AS RESTRICTIVE FOR UPDATE
        TO "{{app}}" USING (true) WITH CHECK ({RULE})$policy$, v_table, p_space);
END $body$
"""
PREPARE_SPACE = """
CREATE FUNCTION core.prepare_space(p_space text, p_dimensions integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, core, pg_temp AS $body$
BEGIN
    PERFORM core.make_space(p_space, p_dimensions);
    PERFORM core.bind_space(p_space);
END $body$
"""
EACH_SPACE = """
DO $$ DECLARE v_space text; BEGIN
    FOR v_space IN SELECT substr(c.relname, 9) FROM pg_class c
        WHERE c.relnamespace = 'core'::regnamespace AND c.relkind = 'r'
        AND c.relname ~ '^vectors_[0-9a-f]{16}$'
    LOOP %s END LOOP;
END $$
"""
BIND_SPACES = EACH_SPACE % "PERFORM core.bind_space(v_space);"
RELEASE_SPACES = EACH_SPACE % (
    "EXECUTE format('DROP POLICY space ON core.%I', 'vectors_' || v_space);"
    " EXECUTE format('DROP POLICY space_kept ON core.%I', 'vectors_' || v_space);"
)


def _refuse_other_spaces() -> None:
    """A document's vectors go where it says that it has some: into the table of `space` or
    `other_space`. What made tables until now is called by what makes and binds them."""
    roles = _roles()
    op.execute("ALTER FUNCTION core.prepare_space(text, integer) RENAME TO make_space")
    op.execute(f'REVOKE ALL ON FUNCTION core.make_space(text, integer) FROM "{roles.app}"')
    op.execute(BIND_SPACE.replace("{app}", roles.app))
    op.execute("REVOKE ALL ON FUNCTION core.bind_space(text) FROM PUBLIC")
    # Or it could not look after its own functions: `ON ALL FUNCTIONS` fails where it has no right.
    op.execute(f'GRANT EXECUTE ON FUNCTION core.bind_space(text) TO "{roles.system}"')
    op.execute(PREPARE_SPACE)
    op.execute("REVOKE ALL ON FUNCTION core.prepare_space(text, integer) FROM PUBLIC")
    _let_everybody_prepare()
    op.execute(BIND_SPACES)


def _let_everybody_prepare() -> None:
    roles = _roles()
    op.execute(
        f"GRANT EXECUTE ON FUNCTION core.prepare_space(text, integer)"
        f' TO "{roles.app}", "{roles.system}"'
    )


def _roles() -> Roles:
    config = op.get_context().config
    assert config is not None
    roles: Roles = config.attributes["roles"]
    return roles
