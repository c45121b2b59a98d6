"""What callers may write on a document, in a form that is safe to store and to show."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from baukasten_core.documents.text import normalize
from baukasten_core.errors import Unprocessable

METADATA_CHARACTERS = 64 * 1024
METADATA_DEPTH = 50
NAME_CHARACTERS = 500


def checked_metadata(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Metadata as PostgreSQL can hold it. Raises `Unprocessable`."""
    cleaned = _clean(dict(metadata))
    if len(str(cleaned)) > METADATA_CHARACTERS:
        raise Unprocessable(f"`metadata` is over the limit of {METADATA_CHARACTERS} characters.")
    assert isinstance(cleaned, dict)
    return cleaned


def _clean(value: Any, depth: int = 0) -> Any:
    if depth > METADATA_DEPTH:
        raise Unprocessable(f"`metadata` is nested more than {METADATA_DEPTH} deep.")
    if isinstance(value, str):
        return normalize(value)
    if isinstance(value, dict):
        return {normalize(str(key)): _clean(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        return [_clean(item, depth + 1) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        raise Unprocessable("`metadata` has a number that is none (NaN or infinity).")
    return value


def shown(value: str | None) -> str | None:
    """A title or file name as it is shown: one line, not endless; None for nothing."""
    return " ".join(normalize(value).split())[:NAME_CHARACTERS] or None if value else None
