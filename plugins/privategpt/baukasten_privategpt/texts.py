"""What the showcase itself says, in its three languages."""

from __future__ import annotations

from collections.abc import Mapping

from baukasten_core.api import Language

NOT_FOUND: Mapping[Language, str] = {
    "de": "Dazu steht nichts in Ihren Dokumenten.",
    "en": "This is not in your documents.",
    "es": "Esto no está en sus documentos.",
}
"""The answer where nothing fits; no model is asked then."""

NAMES: Mapping[Language, str] = {"de": "German", "en": "English", "es": "Spanish"}
"""For the prompt."""
