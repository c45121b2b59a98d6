"""Rows in every table there is, whoever made it: for proofs of isolation, export and erasure.

Tables, types, foreign keys and allowed values are read from PostgreSQL's catalogue, so that a
new table is covered the day it is made. Rows are written as the superuser.

    rows = fill(connection, principal)      # {"core.documents": {"id": ..., ...}, ...}
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from typing import Any
from uuid import uuid4

import psycopg
from psycopg import sql
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from baukasten_core.contracts.auth import Principal

Connection = psycopg.Connection[Any]

OURS = ("core.data_map", "core.plugins", "core.attempts", "core.erasures", "core.audit")
"""Tables without anybody's rows, and those that `fill` leaves alone."""

TABLES = """
SELECT n.nspname || '.' || c.relname AS name FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relname <> 'alembic_version'
  AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'public', 'jobs')
  AND n.nspname !~ '^pg_'
"""
COLUMNS = """
SELECT a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type,
       a.attnotnull AND NOT a.atthasdef AND a.attidentity = '' AS needed
FROM pg_attribute a WHERE a.attrelid = %s::regclass AND a.attnum > 0 AND NOT a.attisdropped
"""
KEYS = """
SELECT n.nspname || '.' || t.relname AS target,
       array(SELECT a.attname::text FROM unnest(c.conkey) WITH ORDINALITY k(n, i)
             JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.n ORDER BY i) AS own,
       array(SELECT a.attname::text FROM unnest(c.confkey) WITH ORDINALITY k(n, i)
             JOIN pg_attribute a ON a.attrelid = c.confrelid AND a.attnum = k.n ORDER BY i)
           AS theirs
FROM pg_constraint c JOIN pg_class t ON t.oid = c.confrelid
JOIN pg_namespace n ON n.oid = t.relnamespace
WHERE c.contype = 'f' AND c.conrelid = %s::regclass
"""
CHECKS = """
SELECT pg_get_constraintdef(oid) AS definition FROM pg_constraint
WHERE contype = 'c' AND conrelid = %s::regclass
"""
ONE_OF = re.compile(r"\(+(\w+) = ANY \(\(?ARRAY\['([^']*)'")


@dataclass(frozen=True)
class Table:
    """What the catalogue says of a table; `columns`: (type, must be given) by name."""

    name: str
    columns: Mapping[str, tuple[str, bool]]
    keys: list[tuple[str, list[str], list[str]]] = field(default_factory=list)
    choices: Mapping[str, str] = field(default_factory=dict)

    @property
    def identifier(self) -> sql.Identifier:
        return sql.Identifier(*self.name.split("."))

    def condition(self) -> sql.Composable | None:
        """Whose rows: with %(tenant)s and %(user)s; None for a table of nobody's."""
        if self.name == "core.users":
            return sql.SQL("id = %(user)s")
        if self.name == "core.tenants":
            return sql.SQL("id = %(tenant)s")
        owners = [f"{c}_id = %({c})s" for c in ("tenant", "user") if f"{c}_id" in self.columns]
        return sql.SQL(" OR ").join(map(sql.SQL, owners)) if owners else None


def tables(connection: Connection) -> dict[str, Table]:
    """Every table of the core and of showcases, each after those it refers to."""
    found = {row["name"]: _table(connection, row["name"]) for row in _all(connection, TABLES)}
    graph = {
        name: {target for target, _, _ in table.keys if target != name}
        for name, table in found.items()
    }
    return {name: found[name] for name in TopologicalSorter(graph).static_order() if name in found}


def fill(
    connection: Connection,
    owner: Principal,
    *,
    private: bool = False,
    into: Mapping[str, Table] | None = None,
) -> dict[str, dict[str, Any]]:
    """One row of `owner` in every table (or in those of `into`, as `tables` gives them), each
    referring to the others; answers them by table."""
    known: dict[str, dict[str, Any]] = {
        "core.users": {"id": owner.user_id},
        "core.tenants": {"id": owner.tenant_id},
        "core.memberships": {"tenant_id": owner.tenant_id, "user_id": owner.user_id},
    }
    made: dict[str, dict[str, Any]] = {}
    for name, table in (into or tables(connection)).items():
        if name in known or name in OURS:
            continue
        made[name] = known[name] = add_row(connection, table, owner, known, private=private)
    return made


def add_row(
    connection: Connection,
    table: Table,
    owner: Principal,
    known: Mapping[str, Mapping[str, Any]],
    *,
    private: bool = False,
    **given: Any,
) -> dict[str, Any]:
    """Insert a row of `owner` that refers to the `known` rows; answers it as stored."""
    values = {**row_values(table, owner, known, private=private), **given}
    query = sql.SQL("INSERT INTO {} ({}) VALUES ({}) RETURNING *").format(
        table.identifier,
        sql.SQL(", ").join(map(sql.Identifier, values)),
        sql.SQL(", ").join(sql.Placeholder() * len(values)),
    )
    with connection.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(query, list(values.values())).fetchone()
    assert row is not None
    return row


def row_values(
    table: Table,
    owner: Principal,
    known: Mapping[str, Mapping[str, Any]],
    *,
    private: bool = False,
) -> dict[str, Any]:
    """What a row of `owner` needs: made up by type, foreign keys taken from the `known` rows."""
    values: dict[str, Any] = {}
    for name, (kind, needed) in table.columns.items():
        if name in table.choices:
            values[name] = table.choices[name]
        elif needed:
            values[name] = _made_up(kind)
    for target, own, theirs in table.keys:
        if target in known:
            row = known[target]
            values |= {mine: row[other] for mine, other in zip(own, theirs, strict=True)}
    owners = {"tenant_id": owner.tenant_id, "user_id": owner.user_id, "private": private}
    return values | {name: value for name, value in owners.items() if name in table.columns}


def _made_up(kind: str) -> Any:
    if kind.startswith("vector"):
        return str([1.0] + [0.0] * (int(kind[7:-1]) - 1))
    if kind.endswith("[]"):
        return []
    words = kind.split("(")[0]
    values: dict[str, Any] = {
        "uuid": uuid4(),
        "text": f"text {uuid4()}",
        "character varying": str(uuid4())[:8],
        "bytea": uuid4().bytes,
        "boolean": False,
        "jsonb": Jsonb({}),
        "json": Jsonb({}),
        "integer": secrets.randbelow(30_000) + 1,
        "bigint": secrets.randbelow(30_000) + 1,
        "date": "2026-01-01",
        "timestamp with time zone": "2999-01-01T00:00:00Z",
    }
    return values.get(words, 1)


def _table(connection: Connection, name: str) -> Table:
    quoted = ".".join(f'"{part}"' for part in name.split("."))
    columns = {
        row["name"]: (row["type"], row["needed"]) for row in _all(connection, COLUMNS, quoted)
    }
    keys = [(row["target"], row["own"], row["theirs"]) for row in _all(connection, KEYS, quoted)]
    definitions = [row["definition"] for row in _all(connection, CHECKS, quoted)]
    choices = {m.group(1): m.group(2) for m in map(ONE_OF.search, definitions) if m}
    return Table(name, columns, keys, choices)


def _all(connection: Connection, query: str, *values: str) -> list[dict[str, Any]]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query, values).fetchall()
