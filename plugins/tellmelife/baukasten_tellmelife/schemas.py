"""What the routes take and give."""

from __future__ import annotations

import datetime as dt
import re
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from baukasten_core.api import Language, Told, clean
from baukasten_tellmelife.chapters import fingerprint
from baukasten_tellmelife.models import Book, Chapter, Entry
from baukasten_tellmelife.showcase import LifeConfig

DAY = re.compile(r"\d{4}-\d{2}-\d{2}")

MAX_TEXT = 200_000


def _day(value: Any) -> Any:
    """An ISO date and nothing that merely can be made one (a number of seconds, a time)."""
    if isinstance(value, dt.date) or (isinstance(value, str) and DAY.fullmatch(value)):
        return value
    raise ValueError("a date is written YYYY-MM-DD")


def _words(value: str) -> str:
    text = clean(value)
    if not text.strip():
        raise ValueError("there must be some text")
    return text


Day = Annotated[dt.date, BeforeValidator(_day)]
EntryText = Annotated[str, Field(min_length=1, max_length=MAX_TEXT), AfterValidator(_words)]
Line = Annotated[
    str, Field(max_length=300), AfterValidator(lambda text: " ".join(clean(text).split()))
]
Lines = Annotated[str, Field(max_length=1000), AfterValidator(lambda text: clean(text).strip())]
Name = Annotated[str, Field(pattern=r"^[\x21-\x7e]{1,200}$")]


class EntryIn(BaseModel):
    """A new entry. `language` is found out where it is not given; `private` entries are seen by
    their author alone."""

    date: Day
    text: EntryText
    title: Line | None = None
    language: Language | None = None
    private: bool = False


class EntryChange(BaseModel):
    """What of an entry can be changed; the chapter is written anew with the next book."""

    date: Day | None = None
    text: EntryText | None = None
    title: Line | None = None
    language: Language | None = None
    private: bool | None = None


class EntryOut(BaseModel):
    """An entry."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    project_id: UUID
    user_id: UUID
    date: dt.date
    title: str | None
    text: str
    language: Language
    private: bool
    created_at: dt.datetime
    updated_at: dt.datetime


class ChapterIn(BaseModel):
    """Which model shall write it; none named: the configured ones, else the entry's own words."""

    provider: Name | None = None
    model: Name | None = None


class ChapterOut(BaseModel):
    """A chapter. `method` is `llm`, or `extractive` for the entry's own words. `unverified`:
    names, dates and numbers that the entry does not have. `stale`: the entry has changed since."""

    id: UUID
    entry_id: UUID
    status: Literal["ready", "failed"]
    title: str
    text: str
    method: Literal["llm", "extractive"] | None
    unverified: list[str]
    meta: dict[str, Any]
    stale: bool
    error: Told | None
    created_at: dt.datetime
    updated_at: dt.datetime

    @classmethod
    def of(cls, chapter: Chapter, entry: Entry, config: LifeConfig) -> Self:
        values = {name: getattr(chapter, name) for name in cls.model_fields if name != "stale"}
        return cls(**values, stale=chapter.source != fingerprint(entry, config))


class BookIn(BaseModel):
    """What stands on the title page, and which days the book covers; by default the project's
    name and config, and all entries."""

    title: Line | None = None
    subtitle: Line | None = None
    author: Line | None = None
    dedication: Lines | None = None
    language: Language | None = None
    since: Day | None = None
    until: Day | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.since and self.until and self.since > self.until:
            raise ValueError("`since` must not be after `until`")
        return self


class Failure(BaseModel):
    """An entry whose chapter failed, and why; the book has a page that says so in its place."""

    entry_id: UUID
    date: dt.date
    title: str | None
    reason: str | None


class BookOut(BaseModel):
    """A book: `done` of `total` chapters are there; its PDF once `status` is `ready`."""

    id: UUID
    project_id: UUID
    user_id: UUID
    status: Literal["queued", "running", "ready", "failed"]
    title: str
    subtitle: str
    author: str
    dedication: str
    language: Language
    since: dt.date | None
    until: dt.date | None
    private: bool
    done: int
    total: int
    failed: list[Failure]
    missing: list[str]
    pages: int | None
    size: int | None
    error: Told | None
    file: str | None
    created_at: dt.datetime
    updated_at: dt.datetime

    @classmethod
    def of(cls, book: Book) -> Self:
        values = {name: getattr(book, name) for name in cls.model_fields if name != "file"}
        file = f"/tellmelife/books/{book.id}/file" if book.status == "ready" else None
        return cls(**values, file=file)
