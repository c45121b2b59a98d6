"""The three roles, and the one rule each of them lives by.

`owner` migrates and is used for nothing else. `app` serves, owns nothing and can't bypass
row-level security. `system` can't log in: it owns the functions in `system.sql`, the only way
across tenants.
"""

from __future__ import annotations

from dataclasses import dataclass

import psycopg
from psycopg import sql

from baukasten_core.errors import StartupRefused


@dataclass(frozen=True, slots=True)
class Roles:
    """The roles' names; the prefix keeps two installations on one server apart."""

    prefix: str = "baukasten"

    @property
    def owner(self) -> str:
        return f"{self.prefix}_owner"

    @property
    def app(self) -> str:
        return f"{self.prefix}_app"

    @property
    def system(self) -> str:
        return f"{self.prefix}_system"


def ensure_roles(
    connection: psycopg.Connection[tuple[object, ...]], roles: Roles, app_password: str | None
) -> None:
    """Make the roles that are missing; give the app role its password where one is given.

    Raises:
        StartupRefused: a role is missing and the connection may not make it.
    """
    try:
        with connection.transaction():
            for name in (roles.owner, roles.system, roles.app):
                _ensure_role(connection, name)
            _let_migrate(connection, roles)
            if app_password:
                statement = sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}")
                connection.execute(
                    statement.format(sql.Identifier(roles.app), sql.Literal(app_password))
                )
    except psycopg.errors.InsufficientPrivilege as error:
        raise StartupRefused(
            f"the database role of BAUKASTEN_DATABASE_URL may not prepare the roles {roles.owner}, "
            f"{roles.app} and {roles.system}: {str(error).splitlines()[0]}",
            hint="Grant it CREATEROLE, or create the three roles as docs/operating.md says.",
        ) from None


def _ensure_role(connection: psycopg.Connection[tuple[object, ...]], name: str) -> None:
    query = "SELECT 1 FROM pg_roles WHERE rolname = %s"
    if connection.execute(query, [name]).fetchone() is None:
        statement = sql.SQL("CREATE ROLE {} NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE INHERIT")
        connection.execute(statement.format(sql.Identifier(name)))


def _let_migrate(connection: psycopg.Connection[tuple[object, ...]], roles: Roles) -> None:
    """The migrating role acts as owner; the owner hands functions to system."""
    for granted, to in (
        (sql.Identifier(roles.owner), sql.SQL("CURRENT_USER")),
        (sql.Identifier(roles.system), sql.SQL("CURRENT_USER")),
        (sql.Identifier(roles.system), sql.Identifier(roles.owner)),
    ):
        connection.execute(sql.SQL("GRANT {} TO {}").format(granted, to))
