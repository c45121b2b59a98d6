"""Alembic's environment for every schema: the caller brings the connection and the names."""

from __future__ import annotations

from alembic import context
from sqlalchemy import MetaData

from baukasten_core.db.base import NAMES

attributes = context.config.attributes
context.configure(
    connection=attributes["connection"],
    target_metadata=MetaData(naming_convention=NAMES),
    version_table="alembic_version",
    version_table_schema=attributes["schema"],
)
with context.begin_transaction():
    context.run_migrations()
