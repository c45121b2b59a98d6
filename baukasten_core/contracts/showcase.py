"""A showcase: what a plugin hands to the core through `register_showcase`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from fastapi import APIRouter
    from sqlalchemy import MetaData

LegalBasis = Literal[
    "consent",
    "contract",
    "legal_obligation",
    "vital_interests",
    "public_task",
    "legitimate_interests",
]


class ProjectConfig(BaseModel):
    """Base of what a project of this showcase may configure: an unknown key is an error."""

    model_config = ConfigDict(extra="forbid")


class ShowcaseOptions(BaseModel):
    """Base of what an operator may configure for a showcase, under `plugins.options` in the
    settings: frozen, and an unknown key is an error. `Kit.options` reads it."""

    model_config = ConfigDict(frozen=True, extra="forbid")


@dataclass(frozen=True, slots=True)
class PersonalData:
    """One table on the data map: GDPR Article 30 asks for exactly this.

    Export, erasure and retention are driven by it, also when the plugin is gone.

    Attributes:
        table: the table's name within the plugin's schema.
        subject: whose data it is, in words (`candidates`, `the account's owner`).
        purpose: why it is processed.
        legal_basis: Article 6(1).
        retention: how long, in words; `retention_days` lets the retention job enforce it.
        owner_column: the column that names the user; erasing the user erases the row.
        exclude: columns that are never exported (hashes, vectors).
    """

    table: str
    subject: str
    purpose: str
    legal_basis: LegalBasis
    retention: str = "until erased by the owner"
    retention_days: int | None = None
    owner_column: str = "user_id"
    exclude: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Job:
    """Durable background work of a showcase.

    `run(kit, **ids)` is called with a `baukasten_core.api.Kit` bound to the user and tenant that
    enqueued it and with the ids given to `kit.enqueue`: ids only, never text. It may be run again
    after a crash, so it must be idempotent. An error it raises is retried `retries` times, then
    the job counts as failed and `on_failure(kit, error, **ids)` is called so that the showcase
    can say so. All showcases' jobs share one queue: `name` begins with the showcase's and a dot.
    """

    name: str
    run: Callable[..., Awaitable[None]]
    on_failure: Callable[..., Awaitable[None]] | None = None
    retries: int = 3


@dataclass(frozen=True, slots=True)
class Showcase:
    """Everything the core knows about a showcase.

    Attributes:
        name: its type in the API, its route prefix and its database schema:
            `[a-z][a-z0-9_]{1,30}`.
        title, description: for people, by language; `en` must be there.
        router: its routes, without the prefix.
        tables: SQLAlchemy metadata whose schema is `name`, for the check that models and
            migrations agree.
        migrations: folder of its Alembic revisions (one head); None if it has no tables.
        data_map: every table that holds personal data. A table that is not on it stops the
            plugin from loading.
        project_config: validates `config` of a project of this type.
        options: validates `plugins.options` of its plugin in the platform's settings; a class of
            its own.
        jobs: its background work.
        pages: folder of static files, served at `/apps/<name>/`.
        sentences: folder with `de.json` and `es.json`: what its errors say, by the English
            sentence, with `{name}` where something is filled in.
        text_transform: applied to a document's text before anything is indexed or analysed;
            see `TextTransform`.
    """

    name: str
    title: Mapping[str, str]
    router: APIRouter
    description: Mapping[str, str] = field(default_factory=dict)
    tables: MetaData | None = None
    migrations: Path | None = None
    data_map: Sequence[PersonalData] = ()
    project_config: type[ProjectConfig] = ProjectConfig
    options: type[ShowcaseOptions] = ShowcaseOptions
    jobs: Sequence[Job] = ()
    pages: Path | None = None
    sentences: Path | None = None
    text_transform: TextTransform | None = None


@dataclass(frozen=True, slots=True)
class TransformedText:
    """A text made from another. `offsets[i]` is where character i came from in the original."""

    text: str
    offsets: Sequence[int]


TextTransform = Callable[[str, Mapping[str, Any]], TransformedText]
"""(original text, the project's config) -> the text that is indexed. Pure and repeatable."""
