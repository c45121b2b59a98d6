"""TellMeLife as the core sees it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from baukasten_core.api import Job, Language, PersonalData, ProjectConfig, Showcase

Style = Literal["warm", "plain", "literary"]

BOOK_JOB = "tellmelife.book"


class LifeConfig(ProjectConfig):
    """What a TellMeLife project can be told."""

    author: str = Field("", max_length=200, description="Who tells; stands on the title page.")
    subtitle: str = Field("", max_length=300, description="Under the book's title.")
    dedication: str = Field("", max_length=1000, description="A page of its own.")
    language: Language | None = Field(
        None, description="The book's language; by default that of most entries."
    )
    style: Style = Field("warm", description="How a language model shall write.")
    use_llm: bool = Field(
        True, description="False: chapters keep the entries' own words even if there is a model."
    )


def showcase() -> Showcase:
    """Everything that is registered."""
    from baukasten_tellmelife.book import fail_book, make_book
    from baukasten_tellmelife.models import NAME, Base
    from baukasten_tellmelife.routes import router

    return Showcase(
        name=NAME,
        title={"de": "TellMeLife", "en": "TellMeLife", "es": "TellMeLife"},
        description={
            "de": "Aus datierten Einträgen werden Kapitel und ein Buch.",
            "en": "Dated entries become chapters and a book.",
            "es": "Las entradas con fecha se convierten en capítulos y en un libro.",
        },
        router=router,
        tables=Base.metadata,
        sentences=Path(__file__).parent / "sentences",
        migrations=Path(__file__).parent / "migrations" / "versions",
        data_map=DATA_MAP,
        project_config=LifeConfig,
        jobs=[Job(BOOK_JOB, run=make_book, on_failure=fail_book)],
    )


SUBJECT = "the account's owner, and the people their entries tell of"

DATA_MAP = (
    PersonalData("entries", SUBJECT, "to keep what they write about their life", "contract"),
    PersonalData(
        "chapters", SUBJECT, "to edit entries into chapters", "contract", exclude=("source",)
    ),
    PersonalData("books", SUBJECT, "to make a book of the chapters", "contract"),
)
