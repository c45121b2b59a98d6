"""What is said about a candidate: a verdict for each requirement, and the score that follows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol

from baukasten_cv_matcher.requirements import Importance, Requirement

Verdict = Literal["full", "partial", "missing"]
Method = Literal["llm", "extractive"]
Note = Literal["quote_not_found", "years_not_shown", "fewer_years"]

VALUE: Mapping[Verdict, float] = {"full": 1.0, "partial": 0.5, "missing": 0.0}
FORMULA = (
    "score = sum(weight * value) / sum(weight); value: full 1, partial 0.5, missing 0; "
    "weight: must {must:g}, nice {nice:g}"
)


@dataclass(frozen=True, slots=True)
class Evidence:
    """A quote that stands in the CV word for word, `text[start:end]` of what was analysed."""

    quote: str
    start: int
    end: int
    page: int | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found about one requirement.

    Attributes:
        verdict: what counts. Without evidence it is `missing`, whoever says otherwise.
        evidence: quotes that were checked, the best first.
        claimed: what the model said, where that is not what counts.
        note: why the verdict is lower than the words alone suggest.
        reason: the model's own sentence; nobody has checked it.
    """

    verdict: Verdict
    evidence: tuple[Evidence, ...] = ()
    claimed: Verdict | None = None
    note: Note | None = None
    reason: str | None = None

    def as_json(self) -> dict[str, Any]:
        return {
            "verdict": self.verdict,
            "evidence": [
                {"quote": e.quote, "start": e.start, "end": e.end, "page": e.page}
                for e in self.evidence
            ],
            "claimed": self.claimed,
            "note": self.note,
            "reason": self.reason,
        }


@dataclass(frozen=True, slots=True)
class Cv:
    """A CV as it is analysed; in blind mode what identifies the person is masked already."""

    text: str
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Assessment:
    """Findings in the order of the requirements, and who made them."""

    findings: tuple[Finding, ...]
    made_by: Mapping[str, Any] = field(default_factory=dict)

    def with_evidence(self, change: Callable[[Evidence], Evidence]) -> Assessment:
        """The same with each piece of evidence changed."""
        findings = (
            replace(finding, evidence=tuple(map(change, finding.evidence)))
            for finding in self.findings
        )
        return replace(self, findings=tuple(findings))


class Analyser(Protocol):
    """Compares one CV with the requirements."""

    method: Method

    async def assess(self, requirements: Sequence[Requirement], cv: Cv) -> Assessment:
        """One finding for each requirement, each quote checked against `cv.text`.

        Raises what asking a model raises; `InvalidOutput` when its answer does not fit.
        """
        ...


@dataclass(frozen=True, slots=True)
class Weights:
    """How much a requirement counts, by its importance."""

    must: float = 3.0
    nice: float = 1.0

    def of(self, importance: Importance) -> float:
        return self.must if importance == "must" else self.nice

    @property
    def formula(self) -> str:
        """In words, with the weights filled in: goes with every ranking."""
        return FORMULA.format(must=self.must, nice=self.nice)


def score(findings: Sequence[tuple[Importance, Verdict]], weights: Weights) -> float:
    """How much of what is asked for a candidate shows, from 0 to 1.

    The weighted mean of the verdicts: sum(weight * value) / sum(weight), where full counts 1,
    partial 0.5 and missing 0, and a must weighs 3 and a nice-to-have 1 unless the project says
    otherwise. So it is 1 when everything is full, 0 when everything is missing, and raising a
    verdict never lowers it. Nothing else goes into it.
    """
    total = sum(weights.of(importance) for importance, _ in findings)
    if total <= 0:
        return 0.0
    reached = sum(weights.of(importance) * VALUE[verdict] for importance, verdict in findings)
    return reached / total
