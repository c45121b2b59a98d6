"""A ranking as it is shown: scores computed from the findings, best first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from baukasten_core.api import DocumentText, Language
from baukasten_cv_matcher.assessment import Weights, score
from baukasten_cv_matcher.models import AssessmentRow, Candidate, Ranking, RequirementRow
from baukasten_cv_matcher.schemas import MadeBy, Ranked, RankingOut, RequirementFinding
from baukasten_cv_matcher.service import as_requirement
from baukasten_cv_matcher.texts import MESSAGES


def label(
    candidate: Candidate, document: DocumentText | None, *, blind: bool, language: Language
) -> str:
    """What a candidate is called; a file's name often is a person's."""
    if blind or document is None or not document.title:
        return MESSAGES.translate(language, "candidate", number=candidate.number)
    return document.title


def as_shown(
    ranking: Ranking,
    requirements: Sequence[RequirementRow],
    assessments: Sequence[tuple[AssessmentRow, Candidate]],
    documents: Mapping[UUID, DocumentText],
    language: Language,
) -> RankingOut:
    """The ranking with everything that it rests on."""
    weights = Weights(ranking.must_weight, ranking.nice_weight)
    rows = []
    for row, candidate in assessments:
        document = documents.get(candidate.document_id)
        name = label(candidate, document, blind=ranking.blind, language=language)
        rows.append(_ranked(row, candidate, name, ranking, requirements, weights))
    done = sum(row.status == "done" for row in rows)
    failed = sum(row.status == "failed" for row in rows)
    over = done + failed == len(rows)
    return RankingOut(
        id=ranking.id,
        status="running" if not over else ("failed" if rows and not done else "done"),
        method="llm" if ranking.method == "llm" else "extractive",
        provider=ranking.instance,
        blind=ranking.blind,
        formula=weights.formula,
        total=len(rows),
        done=done,
        failed=failed,
        created_at=ranking.created_at,
        candidates=_in_order(rows),
    )


def _ranked(
    row: AssessmentRow,
    candidate: Candidate,
    name: str,
    ranking: Ranking,
    requirements: Sequence[RequirementRow],
    weights: Weights,
) -> Ranked:
    findings = [
        _finding(requirement, finding, weights)
        for requirement, finding in zip(requirements, row.findings, strict=False)
    ]
    is_done = row.status == "done"
    pairs = [(finding.importance, finding.verdict) for finding in findings]
    return Ranked(
        candidate_id=candidate.id,
        document_id=candidate.document_id,
        label=name,
        status=row.status,
        error=row.error,
        rank=None,
        score=round(score(pairs, weights), 4) if is_done else None,
        made_by=MadeBy(method=ranking.method, **row.made_by) if is_done else None,
        requirements=findings,
    )


def _finding(
    row: RequirementRow, finding: Mapping[str, object], weights: Weights
) -> RequirementFinding:
    requirement = as_requirement(row)
    return RequirementFinding.model_validate(
        {
            "requirement_id": row.id,
            "text": requirement.text,
            "importance": requirement.importance,
            "weight": weights.of(requirement.importance),
            **finding,
        }
    )


def _in_order(rows: Sequence[Ranked]) -> list[Ranked]:
    """Best first, equals share a rank; then those that wait, then those that failed."""
    place = {"done": 0, "queued": 1, "failed": 2}
    ordered = sorted(rows, key=lambda row: (place[row.status], -(row.score or 0), row.label))
    shown: list[Ranked] = []
    for position, row in enumerate(ordered, start=1):
        if row.score is not None:
            equal = shown and shown[-1].score == row.score
            row = row.model_copy(update={"rank": shown[-1].rank if equal else position})
        shown.append(row)
    return shown
