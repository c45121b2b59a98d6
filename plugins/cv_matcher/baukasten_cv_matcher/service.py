"""The database work: positions, candidates, rankings, assessments. Row-level security decides
what is seen; whoever changes a project's rows holds its lock until the transaction ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import delete, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from baukasten_core.api import Conflict, Kit, NotFound, Principal
from baukasten_cv_matcher.assessment import Assessment, Method, Weights
from baukasten_cv_matcher.models import (
    AssessmentRow,
    Candidate,
    Position,
    Ranking,
    RequirementRow,
)
from baukasten_cv_matcher.requirements import Importance, Requirement

ASSESS = "cv_matcher.assess"

LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:project, 0))")


@dataclass(frozen=True, slots=True)
class Task:
    """One candidate to be assessed, and how."""

    project_id: UUID
    document_id: UUID
    method: Method
    instance: str | None
    model: str
    blind: bool
    language: str | None
    requirements: tuple[Requirement, ...]


async def lock(session: AsyncSession, project_id: UUID) -> None:
    """One change of a project at a time."""
    await session.execute(LOCK, {"project": str(project_id)})


def _owned(principal: Principal, project_id: UUID) -> dict[str, Any]:
    return {
        "tenant_id": principal.tenant_id,
        "user_id": principal.user_id,
        "project_id": project_id,
    }


# --- the job advertisement ----------------------------------------------------------------


async def replace_position(
    session: AsyncSession,
    principal: Principal,
    project_id: UUID,
    requirements: Sequence[Requirement],
    **columns: Any,
) -> tuple[Position, list[RequirementRow]]:
    """Store the advertisement; the one before it goes, with its ranking."""
    await lock(session, project_id)
    await session.execute(delete(Position).where(Position.project_id == project_id))
    position = Position(id=uuid4(), **_owned(principal, project_id), **columns)
    session.add(position)
    await session.flush()
    rows = [
        RequirementRow(
            id=uuid4(),
            **_owned(principal, project_id),
            position_id=position.id,
            ordinal=ordinal,
            text=item.text,
            importance=item.importance,
            start_offset=item.start,
            end_offset=item.end,
        )
        for ordinal, item in enumerate(requirements)
    ]
    session.add_all(rows)
    await session.flush()
    await session.refresh(position)
    return position, rows


async def get_position(session: AsyncSession, project_id: UUID) -> Position:
    """Raises `NotFound` while the project has none."""
    position: Position | None = await session.scalar(
        select(Position).where(Position.project_id == project_id)
    )
    if position is None:
        raise NotFound(
            "This project has no job description yet.",
            hint=f"Send it to POST /cv_matcher/projects/{project_id}/job.",
        )
    return position


async def list_requirements(session: AsyncSession, position_id: UUID) -> Sequence[RequirementRow]:
    query = select(RequirementRow).where(RequirementRow.position_id == position_id)
    return (await session.scalars(query.order_by(RequirementRow.ordinal))).all()


# --- candidates ---------------------------------------------------------------------------


async def add_candidates(
    session: AsyncSession, principal: Principal, project_id: UUID, documents: Sequence[UUID]
) -> None:
    """Count these documents as CVs; those that count already stay as they are."""
    await lock(session, project_id)
    mine = Candidate.project_id == project_id
    known = set(await session.scalars(select(Candidate.document_id).where(mine)))
    last = await session.scalar(select(func.max(Candidate.number)).where(mine)) or 0
    new = [document for document in dict.fromkeys(documents) if document not in known]
    for number, document in enumerate(new, start=last + 1):
        owned = _owned(principal, project_id)
        session.add(Candidate(id=uuid4(), **owned, document_id=document, number=number))
    await session.flush()


async def list_candidates(session: AsyncSession, project_id: UUID) -> Sequence[Candidate]:
    query = select(Candidate).where(Candidate.project_id == project_id)
    return (await session.scalars(query.order_by(Candidate.number))).all()


async def remove_candidate(session: AsyncSession, project_id: UUID, candidate_id: UUID) -> None:
    """Its assessments go too; the document stays. Raises `NotFound`."""
    mine = (Candidate.project_id == project_id, Candidate.id == candidate_id)
    if await session.scalar(delete(Candidate).where(*mine).returning(Candidate.id)) is None:
        raise NotFound("Candidate not found")


# --- rankings -----------------------------------------------------------------------------


async def start_ranking(
    kit: Kit,
    session: AsyncSession,
    project_id: UUID,
    *,
    method: Method,
    instance: str | None,
    model: str,
    config: Mapping[str, Any],
) -> Ranking:
    """A new ranking of all candidates in place of the one before, and a job for each.

    Raises `NotFound` without a job description, `Conflict` without candidates.
    """
    await lock(session, project_id)
    position = await get_position(session, project_id)
    candidates = await list_candidates(session, project_id)
    if not candidates:
        raise Conflict(
            "This project has no candidates yet.",
            hint=f"Send some to POST /cv_matcher/projects/{project_id}/candidates.",
        )
    await session.execute(delete(Ranking).where(Ranking.position_id == position.id))
    owned = _owned(kit.principal, project_id)
    weights = Weights()
    ranking = Ranking(
        id=uuid4(),
        **owned,
        position_id=position.id,
        method=method,
        instance=instance,
        model=model,
        blind=bool(config.get("blind", False)),
        must_weight=float(config.get("must_weight", weights.must)),
        nice_weight=float(config.get("nice_weight", weights.nice)),
    )
    session.add(ranking)
    await session.flush()
    rows = [
        AssessmentRow(id=uuid4(), **owned, ranking_id=ranking.id, candidate_id=candidate.id)
        for candidate in candidates
    ]
    session.add_all(rows)
    await session.flush()
    for row in rows:
        await kit.enqueue(session, ASSESS, assessment_id=row.id)
    await session.refresh(ranking)
    return ranking


async def get_ranking(session: AsyncSession, project_id: UUID) -> Ranking:
    """Raises `NotFound` while nothing was ranked."""
    ranking: Ranking | None = await session.scalar(
        select(Ranking).where(Ranking.project_id == project_id)
    )
    if ranking is None:
        raise NotFound(
            "Nothing has been ranked yet.",
            hint=f"Start with POST /cv_matcher/projects/{project_id}/rank.",
        )
    return ranking


async def list_assessments(
    session: AsyncSession, ranking_id: UUID
) -> Sequence[tuple[AssessmentRow, Candidate]]:
    query = (
        select(AssessmentRow, Candidate)
        .join(Candidate, Candidate.id == AssessmentRow.candidate_id)
        .where(AssessmentRow.ranking_id == ranking_id)
        .order_by(Candidate.number)
    )
    return [(row, candidate) for row, candidate in await session.execute(query)]


# --- one assessment -----------------------------------------------------------------------


async def open_task(session: AsyncSession, assessment_id: UUID) -> Task | None:
    """What is to be done, None when it is done, failed for good, or not wanted any more."""
    query = (
        select(AssessmentRow, Ranking, Candidate, Position)
        .join(Ranking, Ranking.id == AssessmentRow.ranking_id)
        .join(Candidate, Candidate.id == AssessmentRow.candidate_id)
        .join(Position, Position.id == Ranking.position_id)
        .where(AssessmentRow.id == assessment_id, AssessmentRow.status == "queued")
    )
    found = (await session.execute(query)).one_or_none()
    if found is None:
        return None
    _, ranking, candidate, position = found
    rows = await list_requirements(session, position.id)
    return Task(
        project_id=ranking.project_id,
        document_id=candidate.document_id,
        method="llm" if ranking.method == "llm" else "extractive",
        instance=ranking.instance,
        model=ranking.model,
        blind=ranking.blind,
        language=position.language,
        requirements=tuple(as_requirement(row) for row in rows),
    )


def as_requirement(row: RequirementRow) -> Requirement:
    importance: Importance = "nice" if row.importance == "nice" else "must"
    return Requirement(row.text, importance, row.start_offset, row.end_offset)


async def finish(session: AsyncSession, assessment_id: UUID, assessment: Assessment) -> None:
    row = await session.get(AssessmentRow, assessment_id)
    if row is not None and row.status == "queued":
        row.status = "done"
        row.findings = [finding.as_json() for finding in assessment.findings]
        row.made_by = dict(assessment.made_by)


async def fail(session: AsyncSession, assessment_id: UUID, reason: str) -> None:
    row = await session.get(AssessmentRow, assessment_id)
    if row is not None and row.status == "queued":
        row.status, row.error = "failed", reason
