"""PrivateGPT as the core sees it. It has no tables: conversations are the core's."""

from __future__ import annotations

from pathlib import Path

from baukasten_core.api import Showcase
from baukasten_privategpt.options import PrivateGPTOptions
from baukasten_privategpt.routes import router

FOLDER = Path(__file__).parent
PAGES = FOLDER / "pages"
"""Built from `ui/`; a checkout has none before `make ui`."""


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
        options=PrivateGPTOptions,
        sentences=FOLDER / "sentences",
        pages=PAGES if (PAGES / "index.html").is_file() else None,
    )
