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
    """Make an admin when there is no user at all; None when there is one."""
    return None
