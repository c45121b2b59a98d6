"""Jobs: Procrastinate's own schema, in `jobs`.

Its functions name their tables without a schema, so each gets a search path of its own; then
they can be called in any session. A new version of the library needs a revision that runs the
SQL files of its `sql/migrations`.
"""

from __future__ import annotations

from alembic import op
from procrastinate.schema import SchemaManager

from baukasten_core.db.roles import Roles

revision = "0004"
down_revision = "0003"

PIN_FUNCTIONS = """
DO $$ DECLARE v_function regprocedure; BEGIN
    FOR v_function IN SELECT p.oid FROM pg_proc p WHERE p.pronamespace = 'jobs'::regnamespace
    LOOP
        EXECUTE format('ALTER FUNCTION %s SET search_path = jobs, pg_catalog, pg_temp', v_function);
    END LOOP;
END $$
"""


def upgrade() -> None:
    config = op.get_context().config
    assert config is not None
    roles: Roles = config.attributes["roles"]
    connection = op.get_bind()
    # As a literal: with driver-level execution a percent sign would stand for a parameter.
    path = connection.exec_driver_sql("SHOW search_path").scalar_one()
    connection.exec_driver_sql("SET LOCAL search_path = jobs, pg_catalog")
    connection.exec_driver_sql(SchemaManager.get_schema().replace("%", "%%"))
    connection.exec_driver_sql(PIN_FUNCTIONS.replace("%", "%%"))
    connection.exec_driver_sql(f"SET LOCAL search_path = {path}")
    op.execute("CREATE INDEX ON jobs.procrastinate_jobs ((args->>'tenant_id'))")
    for grant in (
        "USAGE ON SCHEMA jobs",
        "SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA jobs",
        "USAGE ON ALL SEQUENCES IN SCHEMA jobs",
    ):
        op.execute(f'GRANT {grant} TO "{roles.app}", "{roles.system}"')


def downgrade() -> None:
    op.execute("DROP SCHEMA jobs CASCADE")
    op.execute("CREATE SCHEMA jobs")
