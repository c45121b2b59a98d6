"""The HTTP API of CV Matcher, under `/cv_matcher`."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from fastapi import APIRouter

from baukasten_core.api import (
    Conflict,
    CurrentKit,
    DocumentText,
    Kit,
    Language,
    NotFound,
    Unprocessable,
    problem_responses,
)
from baukasten_cv_matcher import positions, service
from baukasten_cv_matcher.assessment import Method
from baukasten_cv_matcher.models import Candidate, Position, RequirementRow
from baukasten_cv_matcher.ranking import as_shown, label
from baukasten_cv_matcher.schemas import (
    CandidateOut,
    CandidatesIn,
    JobIn,
    JobOut,
    MadeBy,
    RankIn,
    RankingOut,
    RequirementOut,
    WhoAsks,
)

NAME = "cv_matcher"

router = APIRouter(prefix="/projects/{project_id}")


@router.post("/job", status_code=201, responses=problem_responses(400, 409, 502))
async def set_job(project_id: UUID, body: JobIn, kit: CurrentKit) -> JobOut:
    """Give the project its job description and read its requirements.

    A new one replaces the one before it, with its ranking; the candidates stay.
    """
    project = await kit.project(project_id, type_=NAME)
    advertisement = await positions.advertisement(kit, project.id, body)
    instance = await _instance(kit, project.id, body)
    found = await positions.read(kit, project.id, advertisement, body, instance)
    async with kit.transaction() as session:
        position, rows = await service.replace_position(
            session,
            kit.principal,
            project.id,
            found.requirements,
            source=advertisement.source,
            document_id=advertisement.document_id,
            text=advertisement.text,
            language=advertisement.language,
            made_by=found.made_by,
        )
    return _job(position, rows)


@router.get("/job")
async def get_job(project_id: UUID, kit: CurrentKit) -> JobOut:
    """The job description and its requirements."""
    project = await kit.project(project_id, type_=NAME)
    async with kit.transaction() as session:
        position = await service.get_position(session, project.id)
        rows = await service.list_requirements(session, position.id)
    return _job(position, rows)


@router.post("/candidates", status_code=201, responses=problem_responses(409))
async def add_candidates(
    project_id: UUID, body: CandidatesIn, kit: CurrentKit
) -> list[CandidateOut]:
    """Add CVs: documents that are in the project already, or texts. Answers all candidates.

    What is a candidate already stays one, once.
    """
    project = await kit.project(project_id, type_=NAME)
    known = await kit.documents(body.document_ids, with_text=False)
    for document_id in body.document_ids:
        if document_id not in known or known[document_id].project_id != project.id:
            raise NotFound(f"Document {document_id} is not in this project")
    added = [await _add_text(kit, project.id, item.content, item.title) for item in body.texts]
    async with kit.transaction() as session:
        await service.add_candidates(
            session, kit.principal, project.id, [*body.document_ids, *added]
        )
    return await _candidates(kit, project.id, blind=bool(project.config.get("blind")))


@router.get("/candidates")
async def list_candidates(project_id: UUID, kit: CurrentKit) -> list[CandidateOut]:
    """The candidates, in the order they came."""
    project = await kit.project(project_id, type_=NAME)
    return await _candidates(kit, project.id, blind=bool(project.config.get("blind")))


@router.delete("/candidates/{candidate_id}", status_code=204)
async def remove_candidate(project_id: UUID, candidate_id: UUID, kit: CurrentKit) -> None:
    """Take a candidate out; what was found about it is deleted, the document stays."""
    project = await kit.project(project_id, type_=NAME)
    async with kit.transaction() as session:
        await service.remove_candidate(session, project.id, candidate_id)


@router.post("/rank", status_code=202, responses=problem_responses(400, 409))
async def rank(project_id: UUID, kit: CurrentKit, body: RankIn | None = None) -> RankingOut:
    """Start ranking all candidates in the background, in place of the ranking before.

    Every candidate is a job of its own: one that fails stops no other.
    """
    project = await kit.project(project_id, type_=NAME)
    asked = body or RankIn()
    instance = await _instance(kit, project.id, asked)
    method: Method = "llm" if instance else "extractive"
    async with kit.transaction() as session:
        await service.start_ranking(
            kit,
            session,
            project.id,
            method=method,
            instance=instance,
            model=asked.model,
            config=project.config,
        )
    return await _ranking(kit, project.id)


@router.get("/ranking")
async def get_ranking(project_id: UUID, kit: CurrentKit) -> RankingOut:
    """How far the ranking is, and the candidates with their evidence, best first."""
    project = await kit.project(project_id, type_=NAME)
    return await _ranking(kit, project.id)


# --- the parts ----------------------------------------------------------------------------


async def _instance(kit: Kit, project_id: UUID, asked: WhoAsks) -> str | None:
    """The instance that reads, None for words alone.

    Raises `Unprocessable` when a model is wanted and there is none.
    """
    if asked.method == "extractive":
        return None
    if asked.provider:
        return asked.provider
    instance = await kit.llm_instance(project_id)
    if instance is None and asked.wants_model:
        raise Unprocessable(
            "No language model answers here now.",
            hint="Add one (see docs/llm-providers.md), or ask with `method: extractive`.",
        )
    return instance


async def _add_text(kit: Kit, project_id: UUID, content: str, title: str | None) -> UUID:
    """A document from text; the one that has this text already, where there is one."""
    try:
        return await kit.add_text(content, project_id=project_id, title=title)
    except Conflict as error:
        return UUID(str(error.extra["document_id"]))


async def _candidates(kit: Kit, project_id: UUID, *, blind: bool) -> list[CandidateOut]:
    async with kit.transaction() as session:
        rows = await service.list_candidates(session, project_id)
    documents = await kit.documents([row.document_id for row in rows], with_text=False)
    return [
        _candidate(row, documents.get(row.document_id), blind=blind, language=kit.language)
        for row in rows
    ]


def _candidate(
    row: Candidate, document: DocumentText | None, *, blind: bool, language: Language
) -> CandidateOut:
    return CandidateOut(
        id=row.id,
        document_id=row.document_id,
        label=label(row, document, blind=blind, language=language),
        status=document.status if document else "failed",
    )


async def _ranking(kit: Kit, project_id: UUID) -> RankingOut:
    async with kit.transaction() as session:
        ranking = await service.get_ranking(session, project_id)
        requirements = await service.list_requirements(session, ranking.position_id)
        assessments = await service.list_assessments(session, ranking.id)
    ids = [candidate.document_id for _, candidate in assessments]
    documents = await kit.documents(ids, with_text=False)
    return as_shown(ranking, requirements, assessments, documents, kit.language)


def _job(position: Position, rows: Sequence[RequirementRow]) -> JobOut:
    return JobOut.model_validate(
        {
            "id": position.id,
            "source": position.source,
            "document_id": position.document_id,
            "language": position.language,
            "text": position.text,
            "requirements": [_requirement(row) for row in rows],
            "made_by": MadeBy.model_validate(position.made_by),
            "created_at": position.created_at,
        }
    )


def _requirement(row: RequirementRow) -> RequirementOut:
    return RequirementOut.model_validate(
        {
            "id": row.id,
            "text": row.text,
            "importance": row.importance,
            "start": row.start_offset,
            "end": row.end_offset,
        }
    )
