"""Database URLs, in the forms that libpq and SQLAlchemy take."""

from __future__ import annotations

from sqlalchemy.engine import make_url


def sqlalchemy_url(url: str) -> str:
    """The URL with SQLAlchemy's driver in it."""
    return make_url(url).set(drivername="postgresql+psycopg").render_as_string(hide_password=False)


def libpq_url(url: str) -> str:
    """The URL as libpq takes it."""
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


def app_url(url: str, role: str, password: str) -> str:
    """The same database as another role."""
    changed = make_url(url).set(username=role, password=password)
    return changed.render_as_string(hide_password=False)
