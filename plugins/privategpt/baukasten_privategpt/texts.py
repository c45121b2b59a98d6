"""What the showcase itself says, by language."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from baukasten_core.api import Language, Messages

FOLDER = Path(__file__).parent
MESSAGES = Messages(FOLDER / "messages")

NAMES: Mapping[Language, str] = {"de": "German", "en": "English", "es": "Spanish"}
"""For the prompt, which is in English."""


def not_found(language: Language) -> str:
    """The answer where nothing fits; no model is asked then."""
    return MESSAGES.translate(language, "not_found")
