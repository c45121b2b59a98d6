"""What the routes take and answer."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from baukasten_core.api import Told
from baukasten_cv_matcher.assessment import Method, Note, Verdict
from baukasten_cv_matcher.requirements import Importance

Content = Annotated[str, StringConstraints(min_length=1, max_length=500_000, pattern=r"^[^\x00]*$")]
Title = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=r"^[^\x00]*$")]
Name = Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00]*$")]
Choice = Literal["auto", "llm", "extractive"]


class In(BaseModel):
    model_config = ConfigDict(extra="forbid")


class WhoAsks(In):
    """Who is to read. `auto`: a language model where one answers, else words alone."""

    method: Choice = "auto"
    provider: Name | None = Field(None, description="A configured instance; implies `llm`.")
    model: Name = Field("", description="One of its models; implies `llm`.")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.method == "extractive" and (self.provider or self.model):
            raise ValueError("`extractive` uses no model: leave `provider` and `model` out")
        return self

    @property
    def wants_model(self) -> bool:
        return self.method == "llm" or bool(self.provider or self.model)


class JobIn(WhoAsks):
    """The job description: exactly one of `text`, `document_id` (of this project) and `url`."""

    text: Content | None = None
    document_id: UUID | None = None
    url: Annotated[str, StringConstraints(min_length=1, max_length=2000)] | None = None

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        given = [value for value in (self.text, self.document_id, self.url) if value is not None]
        if len(given) != 1:
            raise ValueError("give exactly one of `text`, `document_id` and `url`")
        return self


class RequirementOut(BaseModel):
    """What the job asks for: the advertisement's own words, from `start` to `end`."""

    id: UUID
    text: str
    importance: Importance
    start: int
    end: int


class MadeBy(BaseModel):
    """Who read: a model, or `extractive` (words alone)."""

    method: Method
    provider: str | None = None
    model: str | None = None
    region: str | None = None
    notice: str | None = Field(None, description="Why it was not the model, where that was tried.")


class JobOut(BaseModel):
    """The job description and its requirements, in its order."""

    id: UUID
    source: Literal["text", "document", "url"]
    document_id: UUID | None
    language: str | None
    text: str
    requirements: list[RequirementOut]
    made_by: MadeBy
    created_at: datetime


class CandidateText(In):
    title: Title | None = None
    content: Content


class CandidatesIn(In):
    """CVs: documents of this project, or texts that become documents of it."""

    document_ids: list[UUID] = Field(default_factory=list, max_length=1000)
    texts: list[CandidateText] = Field(default_factory=list, max_length=100)

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.document_ids and not self.texts:
            raise ValueError("give `document_ids` or `texts`")
        return self


class CandidateOut(BaseModel):
    """A CV. `label` is the document's title, in blind mode a number instead."""

    id: UUID
    document_id: UUID
    label: str
    status: str = Field(description="How far the document is: it is ranked once it is `ready`.")


class RankIn(WhoAsks):
    """Who compares, the same for every candidate."""


class EvidenceOut(BaseModel):
    """Words of the CV, from `start` to `end` of the document's text, as they stand there (in
    blind mode: as they stand in the masked text)."""

    quote: str
    start: int
    end: int
    page: int | None


class RequirementFinding(BaseModel):
    """A requirement in a CV.

    `claimed` is what the model said where its quote does not stand in the CV (`note`:
    `quote_not_found`): then the requirement counts as missing. `years_not_shown` and
    `fewer_years` say why something counts as partial. Nobody has checked `reason`.
    """

    requirement_id: UUID
    text: str
    importance: Importance
    weight: float
    verdict: Verdict
    evidence: list[EvidenceOut]
    claimed: Verdict | None = None
    note: Note | None = None
    reason: str | None = None


class Ranked(BaseModel):
    """A candidate. `score` and `rank` are null until it is done, and stay so if it failed."""

    candidate_id: UUID
    document_id: UUID
    label: str
    status: Literal["queued", "done", "failed"]
    error: Told | None
    rank: int | None
    score: float | None
    made_by: MadeBy | None
    requirements: list[RequirementFinding]


class RankingOut(BaseModel):
    """`running` until every candidate is done or failed; `failed` when all of them failed."""

    id: UUID
    status: Literal["running", "done", "failed"]
    method: Method
    provider: str | None
    blind: bool
    formula: str = Field(description="How the score follows from the verdicts.")
    total: int
    done: int
    failed: int
    created_at: datetime
    candidates: list[Ranked]
