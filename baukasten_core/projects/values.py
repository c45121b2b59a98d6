"""JSON as PostgreSQL's jsonb can hold it."""

from __future__ import annotations

import math
from typing import Any

from baukasten_core.errors import Unprocessable

DEEPEST = 50


def require_storable(name: str, value: Any, depth: int = 0) -> None:
    """Refuse what jsonb refuses, and what is nested too deep to be written as JSON again.

    Raises:
        Unprocessable: naming `name`, and never the value.
    """
    if depth > DEEPEST:
        raise Unprocessable(f"`{name}` is nested more than {DEEPEST} deep.")
    if isinstance(value, str):
        if any(char == "\x00" or "\ud800" <= char <= "\udfff" for char in value):
            raise Unprocessable(f"`{name}` has a character that is none (NUL or half of a pair).")
    elif isinstance(value, dict):
        for key, item in value.items():
            require_storable(name, key, depth)
            require_storable(name, item, depth + 1)
    elif isinstance(value, list):
        for item in value:
            require_storable(name, item, depth + 1)
    elif isinstance(value, float) and not math.isfinite(value):
        raise Unprocessable(f"`{name}` has a number that is none (NaN or infinity).")
