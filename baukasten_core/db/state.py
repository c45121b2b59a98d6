"""Are the tables as this process expects them? Written by `db.migrate`, read by every replica."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.ext.asyncio import AsyncSession

from baukasten_core.db.migrate import Migrated, head
from baukasten_core.errors import PluginError


@dataclass(frozen=True, slots=True)
class PluginState:
    """What the last migration left: a revision, or the reason why not."""

    revision: str | None
    reason: str | None


async def plugin_states(session: AsyncSession) -> Mapping[str, PluginState]:
    """By schema; empty on a database that was never migrated."""
    try:
        rows = await session.execute(text("SELECT name, revision, reason FROM core.plugins"))
    except ProgrammingError:
        return {}
    return {row.name: PluginState(row.revision, row.reason) for row in rows}


def what_is_missing(what: Migrated, state: PluginState | None) -> str | None:
    """None when the tables are right, else a sentence."""
    if state is not None and state.reason:
        return state.reason
    try:
        newest = head(what)
    except PluginError as error:
        return error.detail
    if state is None:
        return "its tables were never made; run `baukasten migrate`"
    if state.revision != newest:
        return (
            f"its tables are at revision {state.revision}, this version needs {newest}; "
            "run `baukasten migrate`"
        )
    return None
