"""The first admin, and promotion by whoever runs the platform: as the role that migrates."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from secrets import token_urlsafe
from typing import Any
from uuid import uuid4

import psycopg
from psycopg import sql
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from baukasten_core.accounts.passwords import check_password
from baukasten_core.accounts.users import normal_email
from baukasten_core.db.roles import Roles
from baukasten_core.db.urls import libpq_url
from baukasten_core.errors import Conflict, NotFound, StartupRefused

CREATE = "SELECT core.create_user(%s, %s, %s, 'en', true, %s)"
PROMOTE = "UPDATE core.users SET is_admin = true, is_active = true WHERE email = %s RETURNING id"
ADMINS = "SELECT count(*) FROM core.users WHERE is_admin"
FIRST_ADMIN_LOCK = 7_201_418_328
LOCK = f"SELECT pg_advisory_xact_lock({FIRST_ADMIN_LOCK})"


@dataclass(frozen=True, slots=True)
class CreatedAdmin:
    """An admin just made. The password is shown once and stored nowhere."""

    email: str
    password: str


def ensure_first_admin(
    url: str, email: str, *, residency: Sequence[str], role_prefix: str = "baukasten"
) -> CreatedAdmin | None:
    """Make an admin with a generated password if the platform has none; None if it has.

    Args:
        url: of the role that migrates (`Settings.database.url`, or the embedded server's).
    """
    with _as_system(url, role_prefix) as connection:
        connection.execute(LOCK)
        row = connection.execute(ADMINS).fetchone()
        if row is not None and row[0] > 0:
            return None
        return _create(connection, normal_email(email), None, residency)


def create_admin(
    url: str,
    email: str,
    password: str | None = None,
    *,
    residency: Sequence[str],
    role_prefix: str = "baukasten",
) -> CreatedAdmin:
    """Make an admin. Raises `Conflict` when the address has an account: promote that."""
    with _as_system(url, role_prefix) as connection:
        return _create(connection, normal_email(email), password, residency)


def promote(url: str, email: str, *, role_prefix: str = "baukasten") -> None:
    """Make an existing account an admin, and active. Raises `NotFound`."""
    with _as_system(url, role_prefix) as connection:
        if connection.execute(PROMOTE, [normal_email(email)]).fetchone() is None:
            raise NotFound("User not found", hint="`baukasten admin create` makes an account.")


def _create(
    connection: psycopg.Connection[Any], email: str, password: str | None, residency: Sequence[str]
) -> CreatedAdmin:
    password = password or token_urlsafe(15)
    check_password(password)
    stored = PasswordHash((Argon2Hasher(),)).hash(password)
    row = connection.execute(CREATE, [uuid4(), email, stored, list(residency)]).fetchone()
    if row is None or row[0] is None:
        raise Conflict(
            "There is an account with this address.", hint="`baukasten admin promote` makes it one."
        )
    connection.execute(PROMOTE, [email])
    return CreatedAdmin(email, password)


@contextmanager
def _as_system(url: str, role_prefix: str) -> Iterator[psycopg.Connection[Any]]:
    """One transaction as the role `system`, which the migrating role may act as."""
    try:
        connection = psycopg.connect(libpq_url(url), connect_timeout=10)
    except psycopg.OperationalError as error:
        raise StartupRefused(f"the database does not answer: {str(error).strip()}") from None
    try:
        with connection:
            role = sql.Identifier(Roles(role_prefix).system)
            connection.execute(sql.SQL("SET LOCAL ROLE {}").format(role))
            yield connection
    except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedFunction):
        raise StartupRefused(
            "the database has not been migrated", hint="Run `baukasten migrate`."
        ) from None
