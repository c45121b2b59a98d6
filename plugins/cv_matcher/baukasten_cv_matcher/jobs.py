"""Background work: one job assesses one candidate, so that one that fails stops nobody else."""

from __future__ import annotations

from uuid import UUID

from baukasten_core.api import (
    BaukastenError,
    DocumentText,
    InvalidOutput,
    Kit,
    Unavailable,
    Unprocessable,
)
from baukasten_cv_matcher import service
from baukasten_cv_matcher.assessment import Analyser, Assessment, Cv, Evidence
from baukasten_cv_matcher.blind import original_span, text_transform
from baukasten_cv_matcher.extractive import ExtractiveAnalyser
from baukasten_cv_matcher.llm import LlmAnalyser
from baukasten_cv_matcher.service import Task


async def assess(kit: Kit, assessment_id: UUID) -> None:
    """Assess a candidate and keep the findings. Does nothing when it is done already, or when
    the ranking was replaced meanwhile."""
    async with kit.transaction() as session:
        task = await service.open_task(session, assessment_id)
    if task is None:
        return
    try:
        document = await _document(kit, task.document_id)
        assessment = await analyse(kit, task, document)
    except InvalidOutput as error:
        # The model was asked twice already; a third answer would be no better.
        await assess_failed(kit, error, assessment_id)
        return
    async with kit.transaction() as session:
        await service.finish(session, assessment_id, assessment)


async def assess_failed(kit: Kit, error: Exception, assessment_id: UUID) -> None:
    """Say so, with the reason."""
    reason = error.detail if isinstance(error, BaukastenError) else "The analysis failed."
    async with kit.transaction() as session:
        await service.fail(session, assessment_id, reason)


async def analyse(kit: Kit, task: Task, document: DocumentText) -> Assessment:
    """Findings about one document; their offsets count in the document's own text."""
    shown = text_transform(document.text, {"blind": task.blind})
    cv = Cv(shown.text, document.language)
    assessment = await analyser_for(kit, task).assess(task.requirements, cv)

    def placed(evidence: Evidence) -> Evidence:
        start, end = original_span(shown, evidence.start, evidence.end)
        return Evidence(evidence.quote, start, end, document.page_at(start))

    return assessment.with_evidence(placed)


def analyser_for(kit: Kit, task: Task) -> Analyser:
    if task.method == "llm":
        return LlmAnalyser(kit, task.project_id, task.instance, task.model)
    return ExtractiveAnalyser(task.language)


async def _document(kit: Kit, document_id: UUID) -> DocumentText:
    found = (await kit.documents([document_id])).get(document_id)
    if found is None:
        raise Unprocessable("The document is not there any more, or you may not read it.")
    if found.status == "failed":
        raise Unprocessable(found.error or "The document could not be read.")
    if found.status != "ready":
        raise Unavailable("The document is still being read.", retry_after=2)
    return found
