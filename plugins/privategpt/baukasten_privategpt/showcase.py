"""PrivateGPT as the core sees it. It has no tables: conversations are the core's."""

from __future__ import annotations

from baukasten_core.api import Showcase
from baukasten_privategpt.routes import router


def showcase() -> Showcase:
    return Showcase(
        name="privategpt",
        title={"en": "PrivateGPT", "de": "PrivateGPT", "es": "PrivateGPT"},
        description={
            "en": "Answers questions from your documents, with citations that were checked.",
            "de": "Beantwortet Fragen aus Ihren Dokumenten, mit geprüften Belegen.",
            "es": "Responde preguntas a partir de sus documentos, con citas comprobadas.",
        },
        router=router,
    )
