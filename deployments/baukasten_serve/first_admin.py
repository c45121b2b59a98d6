"""The first admin of a new platform: made once, its password shown once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from baukasten_serve.database import Database


@dataclass(frozen=True, slots=True)
class FirstAdmin:
    """What is printed, and kept nowhere."""

    email: str
    password: str


def ensure_first_admin(database: Database) -> FirstAdmin | None:
    """Make an admin when there is none; None when there is one, or somebody else migrates."""
    from baukasten_core.accounts import first_admin

    settings = database.settings
    if settings.database.url is None:
        return None
    made = first_admin.ensure_first_admin(
        settings.database.url.get_secret_value(),
        settings.auth.admin_email,
        residency=settings.privacy.residency,
        role_prefix=settings.database.role_prefix,
    )
    return FirstAdmin(made.email, made.password) if made else None
