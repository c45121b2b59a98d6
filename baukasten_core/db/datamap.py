"""The core's own part of the data map: every core table that holds personal data.

Export, erasure, retention and the Article 30 record read the map from the database, where
migrating puts it. A test fails when a table with somebody's data is missing here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from baukasten_core.contracts.showcase import PersonalData

NOT_EXPORTED = ("*",)
"""`exclude` of a search index: it holds nothing that the documents it was made from don't."""

ACCOUNT = "people with an account"
WRITERS = "whoever wrote it, and people it mentions"

CORE_DATA_MAP: tuple[PersonalData, ...] = (
    # --- accounts
    PersonalData(
        "users", ACCOUNT, "sign-in", "contract", owner_column="id", exclude=("password_hash",)
    ),
    PersonalData(
        "tenants", ACCOUNT, "their own space for data", "contract", owner_column="personal_of"
    ),
    PersonalData("memberships", "members of a tenant", "access to shared projects", "contract"),
    PersonalData(
        *("sessions", ACCOUNT, "staying signed in, ending it elsewhere", "contract"),
        retention="until signed out, at most `auth.refresh_days`",
        exclude=("family_hash", "refresh_hash"),
    ),
    PersonalData(
        *("api_keys", ACCOUNT, "access for their programs", "contract"),
        retention="until deleted or expired",
        exclude=("key_hash",),
    ),
    PersonalData("identities", ACCOUNT, "sign-in through other systems", "contract"),
    PersonalData(
        *("mail_tokens", ACCOUNT, "links sent by mail", "contract"),
        retention="until used, at most `auth.mail_token_minutes`",
        exclude=("token_hash",),
    ),
    PersonalData(
        *("invitations", "people who are invited, and who invited them", "joining a tenant"),
        "contract",
        retention="until accepted, at most 7 days",
        exclude=("token_hash",),
    ),
    # --- work
    PersonalData("projects", WRITERS, "work with a showcase", "contract"),
    PersonalData(
        "documents", WRITERS, "search and answers from documents", "contract", exclude=("sha256",)
    ),
    PersonalData("chunks", WRITERS, "search: passages of documents", "contract"),
    PersonalData(
        *("postings", WRITERS, "search: words of documents", "contract"), exclude=NOT_EXPORTED
    ),
    PersonalData(
        *("vectors_*", WRITERS, "search: vectors of passages", "contract"), exclude=NOT_EXPORTED
    ),
    PersonalData("files", WRITERS, "files that a showcase makes: books, reports", "contract"),
    PersonalData("conversations", WRITERS, "chats with a showcase", "contract"),
    PersonalData("messages", WRITERS, "chats with a showcase", "contract"),
    PersonalData(
        *("llm_usage", "people who asked a language model", "what it costs and how fast it is"),
        "legitimate_interests",
        retention="a year",
        retention_days=365,
    ),
    PersonalData(
        *("llm_cache", "people who asked a language model first", "the same answer again"),
        "legitimate_interests",
        retention="as `llm.cache_minutes` says, at most a day",
        retention_days=1,
        exclude=("key",),
    ),
    # --- accountability
    PersonalData(
        *("audit", ACCOUNT, "to show who did what (ids only)", "legal_obligation"),
        retention="as `privacy.audit_days` says; who it was is cleared when the account is erased",
    ),
    PersonalData("erasures", ACCOUNT, "to finish an interrupted erasure", "legal_obligation"),
)

JOBS_DATA_MAP: tuple[PersonalData, ...] = (
    PersonalData(
        *("procrastinate_jobs", ACCOUNT, "background work that waits (ids only)", "contract"),
        retention="until done; one that failed for 30 days",
        owner_column="args",
    ),
)
"""The queue's own schema; `args` is a JSON object with `user_id`."""

CORE_MAPS: Mapping[str, Sequence[PersonalData]] = {"core": CORE_DATA_MAP, "jobs": JOBS_DATA_MAP}
"""By schema."""
