"""Row-level security: how a table of tenant data is made.

Alembic revisions of the core and of showcases call `create_tenant_table`; after each migration
`db.catalogue` reads PostgreSQL's own catalogue and refuses a table that is not protected.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from baukasten_core.db.base import TENANT, USER
from baukasten_core.db.roles import Roles

SAME_TENANT = f"tenant_id = {TENANT}"
NOT_SOMEONE_ELSES = f"(NOT private OR user_id = {USER})"

_PROJECT = "NULLIF(current_setting('baukasten.project_id', true), '')"


def of_bound_project(column: str) -> str:
    """The condition that a row is of the project that an API key is bound to, or no key is.

    A sub-select is asked once a statement, not once a row. And of COALESCE the planner expects
    half of the rows; of `... IS NULL OR ...` it expects one in two hundred, and then reads all of
    a large tenant's vectors rather than their index.
    """
    return f"COALESCE({column} = (SELECT {_PROJECT}::uuid), (SELECT {_PROJECT} IS NULL))"


__all__ = ["bind_to_project", "create_tenant_table", "drop_tenant_table", "protect_table"]


def create_tenant_table(
    name: str, *columns: Any, project: bool = True, private: bool = False
) -> None:
    """In an Alembic revision: create a table of tenant data in this plugin's schema.

    It gets `id`, `tenant_id`, `user_id`, `created_at`, `updated_at`, and `project_id` unless
    `project` is False; composite foreign keys, so that a row can't point into another tenant;
    forced row-level security; and `private` (a row that only its user sees) where asked for.
    A row that does not say otherwise belongs to the transaction's tenant and user. Deleting the
    tenant, the project or the user deletes its rows.

    Args:
        columns: further columns, constraints and `sa.Index`es.
    """
    schema = op.get_context().version_table_schema
    op.create_table(name, *_common(project, private), *columns, schema=schema)
    index = ["tenant_id", "project_id"] if project else ["tenant_id"]
    op.create_index(None, name, index, schema=schema)
    op.create_index(None, name, ["user_id"], schema=schema)
    protect_table(name, private=private)


def drop_tenant_table(name: str) -> None:
    """In an Alembic revision: the way back of `create_tenant_table`."""
    op.drop_table(name, schema=op.get_context().version_table_schema)


def protect_table(
    name: str,
    *,
    rule: str | None = None,
    private: bool = False,
    grant: str = "SELECT, INSERT, UPDATE, DELETE",
) -> None:
    """In an Alembic revision: put a table under forced row-level security.

    Args:
        rule: the SQL condition under which the app role sees and writes a row; by default the
            row's `tenant_id` is the transaction's.
        grant: what the app role may do with these rows, such as `SELECT, UPDATE (name)`.
    """
    table, roles = _table(name)
    condition = rule or (f"{SAME_TENANT} AND {NOT_SOMEONE_ELSES}" if private else SAME_TENANT)
    protect_system_table(name)
    for statement in (
        f'CREATE POLICY app ON {table} TO "{roles.app}" USING ({condition})'
        f" WITH CHECK ({condition})",
        f'GRANT {grant} ON {table} TO "{roles.app}"',
    ):
        op.execute(statement)
    bind_to_project(name)


def bind_to_project(name: str) -> None:
    """In an Alembic revision that adds a `project_id` to a protected table: rows of other
    projects, and of none, are out of reach of a key that is bound to one."""
    table, roles = _table(name)
    column = "id" if table == '"core"."projects"' else "project_id"
    condition = of_bound_project(column)
    op.execute(
        f"DO $do$ BEGIN IF EXISTS (SELECT FROM pg_attribute WHERE attrelid = '{table}'::regclass"
        f" AND attname = '{column}' AND NOT attisdropped) THEN CREATE POLICY project ON {table}"
        f' AS RESTRICTIVE TO "{roles.app}" USING ({condition}) WITH CHECK ({condition});'
        " END IF; END $do$"
    )


def protect_system_table(name: str) -> None:
    """In an Alembic revision: put a table under forced row-level security that only the system
    role's functions pass; the app role can't touch it."""
    table, roles = _table(name)
    for statement in (
        f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
        f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
        f'CREATE POLICY system ON {table} TO "{roles.system}" USING (true) WITH CHECK (true)',
        f'GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO "{roles.system}"',
    ):
        op.execute(statement)


def _table(name: str) -> tuple[str, Roles]:
    """A table's quoted name in the schema that is migrated, and the roles that use it."""
    context = op.get_context()
    assert context.config is not None
    return f'"{context.version_table_schema}"."{name}"', context.config.attributes["roles"]


def _common(project: bool, private: bool) -> list[Any]:
    now = sa.func.now()
    columns: list[Any] = [
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("tenant_id", sa.Uuid, server_default=sa.text(TENANT), nullable=False),
        sa.Column("user_id", sa.Uuid, server_default=sa.text(USER), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=now, nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=now, nullable=False),
        sa.UniqueConstraint("tenant_id", "id"),
        sa.ForeignKeyConstraint(["tenant_id"], ["core.tenants.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user_id"], ["core.users.id"], ondelete="CASCADE"),
    ]
    if project:
        target = ["core.projects.tenant_id", "core.projects.id"]
        columns += [
            sa.Column("project_id", sa.Uuid, nullable=False),
            sa.ForeignKeyConstraint(["tenant_id", "project_id"], target, ondelete="CASCADE"),
        ]
    if private:
        no = sa.text("false")
        columns.append(sa.Column("private", sa.Boolean, server_default=no, nullable=False))
    return columns
