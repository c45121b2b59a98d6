"""The core's own part of the data map: every core table that holds personal data."""

from __future__ import annotations

from baukasten_core.contracts.showcase import PersonalData

CORE_DATA_MAP: tuple[PersonalData, ...] = (
    PersonalData("users", "people with an account", "sign-in", "contract", owner_column="id",
                 exclude=("password_hash",)),
    PersonalData("memberships", "members of a tenant", "access to shared projects", "contract"),
)  # fmt: skip
