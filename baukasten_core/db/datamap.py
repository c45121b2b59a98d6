"""The core's own part of the data map: every core table that holds personal data."""

from __future__ import annotations

from baukasten_core.contracts.showcase import PersonalData

CORE_DATA_MAP: tuple[PersonalData, ...] = (
    PersonalData("users", "people with an account", "sign-in", "contract", owner_column="id",
                 exclude=("password_hash",)),
    PersonalData("tenants", "people with an account", "their own space for data", "contract",
                 owner_column="personal_of"),
    PersonalData("memberships", "members of a tenant", "access to shared projects", "contract"),
    PersonalData("sessions", "people who are signed in", "staying signed in, ending it elsewhere",
                 "contract", retention="until signed out, at most auth.refresh_days",
                 exclude=("family_hash", "refresh_hash")),
    PersonalData("api_keys", "people with an account", "access for their programs", "contract",
                 retention="until deleted or expired", exclude=("key_hash",)),
    PersonalData("identities", "people with an account", "sign-in through other systems",
                 "contract"),
    PersonalData("mail_tokens", "people with an account", "links sent by mail", "contract",
                 retention="until used, at most auth.mail_token_minutes", exclude=("token_hash",)),
    PersonalData("invitations", "people who are invited, and who invited them",
                 "joining a tenant", "contract", retention="until accepted, at most 7 days",
                 exclude=("token_hash",)),
    PersonalData("llm_usage", "people who asked a language model",
                 "what it costs and how fast it is", "legitimate_interests",
                 retention="a year", retention_days=365),
)  # fmt: skip
