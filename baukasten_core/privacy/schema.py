"""JSON Schema of a table as it is exported."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

DIALECT = "https://json-schema.org/draft/2020-12/schema"

NUMBERS = ("smallint", "integer", "bigint")
FORMATS = {
    "uuid": "uuid",
    "date": "date",
    "timestamp with time zone": "date-time",
}


def json_schema(table: Mapping[str, Any]) -> dict[str, Any]:
    """Of an array of rows; `table` as `core.export_tables` describes it."""
    columns = table["columns"]
    return {
        "$schema": DIALECT,
        "title": f"{table['plugin']}.{table['name']}",
        "description": f"{table['purpose']}; about {table['subject']}",
        "type": "array",
        "items": {
            "type": "object",
            "properties": {column["name"]: _column(column) for column in columns},
            "required": [column["name"] for column in columns],
            "additionalProperties": False,
        },
    }


def _column(column: Mapping[str, Any]) -> dict[str, Any]:
    kind = _type(column["type"])
    if column["nullable"] and "type" in kind:
        kind["type"] = [kind["type"], "null"]
    return {**kind, "description": column["type"]}


def _type(name: str) -> dict[str, Any]:
    if name.endswith("[]"):
        return {"type": "array", "items": _type(name.removesuffix("[]"))}
    if name in NUMBERS:
        return {"type": "integer"}
    if name.startswith(("numeric", "double", "real")):
        return {"type": "number"}
    if name in ("json", "jsonb"):
        return {}
    if name == "boolean":
        return {"type": "boolean"}
    return {"type": "string", **({"format": FORMATS[name]} if name in FORMATS else {})}
