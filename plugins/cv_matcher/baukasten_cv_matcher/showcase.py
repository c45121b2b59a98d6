"""CV Matcher as the core sees it."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from baukasten_core.api import Job, ProjectConfig, Showcase
from baukasten_cv_matcher import jobs, models
from baukasten_cv_matcher.blind import text_transform
from baukasten_cv_matcher.routes import router

HERE = Path(__file__).parent


class CvMatcherConfig(ProjectConfig):
    """What a project configures. Weights and `blind` hold for rankings started afterwards;
    documents are masked for the search index as `blind` is when they come in."""

    blind: bool = Field(
        False, description="Mask names, addresses and the like before anything is analysed."
    )
    must_weight: float = Field(3.0, gt=0, le=100, description="How much a must counts.")
    nice_weight: float = Field(1.0, ge=0, le=100, description="How much a nice-to-have counts.")


def showcase() -> Showcase:
    return Showcase(
        name="cv_matcher",
        title={"en": "CV Matcher", "de": "CV Matcher", "es": "CV Matcher"},
        description={
            "en": "Ranks candidates against a job description, with evidence from their CVs.",
            "de": "Ordnet Bewerbungen nach einer Stellenanzeige, mit Belegen aus den Lebensläufen.",
            "es": "Ordena candidaturas según una oferta, con pruebas de los currículos.",
        },
        router=router,
        tables=models.Base.metadata,
        sentences=HERE / "sentences",
        migrations=HERE / "migrations" / "versions",
        data_map=models.DATA_MAP,
        project_config=CvMatcherConfig,
        jobs=[Job("cv_matcher.assess", jobs.assess, jobs.assess_failed, retries=2)],
        text_transform=text_transform,
    )
