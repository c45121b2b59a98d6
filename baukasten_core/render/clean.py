"""Text as documents can hold it: control characters and lone surrogates can't be printed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

NEWLINES = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")
CONTROL = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f\ufffe\uffff]")
SURROGATE = re.compile("[\ud800-\udfff]")


def clean(text: str) -> str:
    """`text` with every kind of line break as a newline, without control characters, and with
    U+FFFD for each lone surrogate. Everything else stays."""
    return SURROGATE.sub("\ufffd", CONTROL.sub("", NEWLINES.sub("\n", text)))


def cleaned(value: Any) -> Any:
    """`value` (JSON types) with every string in it cleaned."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, Mapping):
        return {clean(str(key)): cleaned(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [cleaned(item) for item in value]
    return value
