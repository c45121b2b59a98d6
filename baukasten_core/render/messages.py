"""The message catalogues: every text for people, in German, English and Spanish.

One JSON file a language in the folder `messages`; a test checks that all have the same keys and
placeholders.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import get_args

from baukasten_core.contracts.auth import Language
from baukasten_core.render.catalogues import Messages

LANGUAGES: tuple[Language, ...] = get_args(Language)
DEFAULT: Language = "en"
MESSAGES = Messages(Path(__file__).parent / "messages")


def translate(language: str, key: str, **values: object) -> str:
    """The text of `key` in a language (English where it is another), with `values` filled in.

    Raises:
        KeyError: no such text, or a placeholder without a value.
    """
    return MESSAGES.translate(language, key, **values)


def known_language(language: str) -> Language:
    """The language, or English where there is no catalogue for it."""
    return language if language in LANGUAGES else DEFAULT


def preferred_language(accept_language: str | None) -> Language:
    """The language of an `Accept-Language` header that we speak best."""
    best, weight = DEFAULT, 0.0
    for part in (accept_language or "").split(",")[:20]:
        name, _, parameter = part.strip().partition(";")
        language = name.split("-")[0].strip().lower()
        quality = _quality(parameter)
        if language in LANGUAGES and quality > weight:
            best, weight = language, quality
    return best


def catalogue(language: Language) -> Mapping[str, str]:
    """Every text of a language by its key."""
    return MESSAGES.catalogue(language)


def _quality(parameter: str) -> float:
    if not parameter.strip():
        return 1.0
    try:
        return float(parameter.strip().removeprefix("q="))
    except ValueError:
        return 0.0
