"""The check that no table escapes row-level security or the data map.

After each migration it reads PostgreSQL's own catalogue: what a revision meant to do does not
count, only what is there. A showcase that fails it is quarantined, and its migration rolled back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, text

from baukasten_core.contracts.showcase import PersonalData
from baukasten_core.db.roles import Roles
from baukasten_core.errors import PluginError

TABLES_WITHOUT_ROWS_OF_PEOPLE = frozenset({"alembic_version", "data_map", "plugins"})

TENANT_RULE = (
    "(tenant_id = (NULLIF(current_setting('baukasten.tenant_id'::text, true), ''::text))::uuid)"
)
"""How PostgreSQL prints `tenancy.SAME_TENANT`."""

TABLES = """
SELECT c.relname AS name, c.relrowsecurity AND c.relforcerowsecurity AS forced,
       EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id'
               AND NOT a.attisdropped AND a.attnotnull) AS tenant_id,
       has_table_privilege(:app, c.oid, 'TRUNCATE, TRIGGER, REFERENCES') AS too_much,
       EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid) AS policies,
       EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'project_id'
               AND NOT a.attisdropped)
       AND has_table_privilege(:app, c.oid, 'SELECT')
       AND NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND NOT p.polpermissive
               AND p.polcmd = '*'
               AND pg_get_expr(p.polqual, p.polrelid) LIKE '%baukasten.project_id%')
       AS unbound
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = :schema AND c.relkind IN ('r', 'p') ORDER BY c.relname
"""

CONDITIONS = """
SELECT c.relname AS name, coalesce(condition, 'true') AS condition
FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN LATERAL (
    SELECT pg_get_expr(p.polqual, p.polrelid) WHERE p.polcmd <> 'a'
    UNION ALL SELECT pg_get_expr(p.polwithcheck, p.polrelid)
    WHERE p.polcmd = 'a' OR p.polwithcheck IS NOT NULL
) AS conditions(condition)
WHERE n.nspname = :schema AND p.polpermissive
  AND NOT p.polroles = ARRAY[CAST(CAST(:system AS text) AS regrole)::oid]
ORDER BY c.relname
"""

FOREIGN_KEYS = """
WITH tenant AS (SELECT attrelid AS id FROM pg_attribute WHERE attname = 'tenant_id')
SELECT c.conrelid::regclass::text AS name, c.conname AS key, c.confdeltype AS on_delete,
       EXISTS (SELECT FROM unnest(coalesce(c.confdelsetcols, c.conkey)) AS set(own)
               JOIN pg_attribute o ON o.attrelid = c.conrelid AND o.attnum = set.own
               WHERE o.attnotnull) AS clears_needed,
       c.conrelid NOT IN (TABLE tenant) OR c.confrelid NOT IN (TABLE tenant)
       OR EXISTS (SELECT FROM unnest(c.conkey, c.confkey) AS pair(own, theirs)
               JOIN pg_attribute o ON o.attrelid = c.conrelid AND o.attnum = pair.own
               JOIN pg_attribute t ON t.attrelid = c.confrelid AND t.attnum = pair.theirs
               WHERE o.attname = 'tenant_id' AND t.attname = 'tenant_id') AS within_tenant
FROM pg_constraint c JOIN pg_namespace n ON n.oid = c.connamespace
WHERE n.nspname = :schema AND c.contype = 'f'
"""
"""Also those to users, tenants and whatever has no tenant: each of them could stop erasure."""

COLUMNS = """
SELECT c.relname AS table, a.attname AS column, a.atttypid::regtype::text AS type
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE n.nspname = :schema AND c.relkind IN ('r', 'p')
"""


def check_catalogue(
    connection: Connection, roles: Roles, schema: str, *, mapped: frozenset[str] | None = None
) -> None:
    """Refuse a schema in which a table escapes row-level security.

    Args:
        mapped: for a showcase, the tables on its data map: every table must be on it, must have
            a `tenant_id`, and its policies must ask for the transaction's tenant.

    Raises:
        PluginError: naming each table and what it lacks.
    """
    parameters = {"schema": schema, "app": roles.app, "system": roles.system}
    faults: list[str] = []
    for row in connection.execute(text(TABLES), parameters):
        if row.name not in TABLES_WITHOUT_ROWS_OF_PEOPLE:
            faults += [f"{schema}.{row.name} {fault}" for fault in _table_faults(row, mapped)]
    for row in connection.execute(text(CONDITIONS), parameters):
        if _is_open(row.condition, strict=mapped is not None):
            who = "the tenant" if mapped is not None else "the tenant or the user"
            faults.append(
                f"{schema}.{row.name} has a policy that does not ask for {who}: {row.condition}"
            )
    for row in connection.execute(text(FOREIGN_KEYS), {"schema": schema}):
        faults += [f"{row.name}: the foreign key {row.key} {fault}" for fault in _key_faults(row)]
    if faults:
        raise PluginError("; ".join(faults))


def check_data_map(connection: Connection, schema: str, data_map: Sequence[PersonalData]) -> None:
    """Refuse a data map that could not be followed: export and erasure rely on it.

    Raises:
        PluginError: naming each entry and what is wrong with it.
    """
    columns: dict[str, dict[str, str]] = {}
    for row in connection.execute(text(COLUMNS), {"schema": schema}):
        columns.setdefault(row.table, {})[row.column] = row.type
    faults = [
        f"the data map's `{entry.table}` {fault}"
        for entry in data_map
        if not entry.table.endswith("*")
        for fault in _entry_faults(entry, columns.get(entry.table))
    ]
    if faults:
        raise PluginError("; ".join(faults))


def _table_faults(row: Any, mapped: frozenset[str] | None) -> list[str]:
    faults = []
    if not row.forced or not row.policies:
        faults.append("has no forced row-level security: make it with create_tenant_table")
    if row.unbound:
        faults.append("has a project_id that keys of one project pass: tenancy.bind_to_project")
    if row.too_much:
        faults.append("lets the app role truncate, reference or put triggers on it")
    if mapped is not None and not row.tenant_id:
        faults.append("has no tenant_id")
    if mapped is not None and row.name not in mapped:
        faults.append("is not on the data map")
    return faults


def _is_open(condition: str, *, strict: bool) -> bool:
    """Whether a policy lets rows through without asking whose they are.

    Strictly, it must be the tenant's rule, or that rule AND something. As PostgreSQL prints
    every pair in brackets, a condition that begins so can't be an OR further out.
    """
    if strict:
        return condition != TENANT_RULE and not condition.startswith(f"({TENANT_RULE} AND ")
    return "baukasten.tenant_id" not in condition and "baukasten.user_id" not in condition


def _key_faults(row: Any) -> list[str]:
    faults = []
    if not row.within_tenant:
        faults.append("must include tenant_id on both sides")
    if row.on_delete not in ("c", "n", "d"):
        faults.append("must say ON DELETE CASCADE or SET NULL (column), or it would stop erasure")
    elif row.on_delete == "n" and row.clears_needed:
        faults.append("must clear a column that may be NULL: ON DELETE SET NULL (column)")
    return faults


def _entry_faults(entry: PersonalData, columns: dict[str, str] | None) -> list[str]:
    if columns is None:
        return ["is no table of its schema"]
    faults = []
    if columns.get(entry.owner_column) not in ("uuid", "jsonb"):
        faults.append(f"has no uuid column `{entry.owner_column}` that names the user")
    if entry.retention_days is not None and "created_at" not in columns:
        faults.append("has retention_days but no created_at to count them from")
    unknown = [name for name in entry.exclude if name != "*" and name not in columns]
    if unknown:
        faults.append(f"excludes columns that are not there: {', '.join(unknown)}")
    return faults
