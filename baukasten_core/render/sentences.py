"""What errors say, in other languages.

Errors are raised in English, wherever they come from: a route, the worker, a provider. They are
put into the reader's language at the edge, where it is known, by catalogues whose keys are the
English sentences:

    {"The file is larger than {mib} MiB, the limit here.":
     "Die Datei ist größer als {mib} MiB, die Grenze hier."}
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Annotated

from pydantic import PlainSerializer

from baukasten_core.render.catalogues import placeholders
from baukasten_core.render.messages import preferred_language

LONGEST = 1500
"""Characters of what is looked up: longer texts quote others, and are left as they are."""

CORE = Path(__file__).parent / "sentences"
VALIDATION = CORE / "validation"
"""What Pydantic says of a request that does not fit."""

_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_ENDS = re.compile(r"(?<=[.!?]) (?=\S)")
_THOUSANDS = re.compile(r"\d{1,3}(,\d{3})+")


class Sentences:
    """Catalogues of sentences: `de.json` and the like in each folder."""

    def __init__(self, *folders: Path) -> None:
        self._folders = folders

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages there is a file for."""
        return tuple(self._catalogues)

    def catalogue(self, language: str) -> Mapping[str, str]:
        """The sentences of a language by the English ones; none where there is no file."""
        return self._catalogues.get(language, {})

    def translate(self, text: str, language: str) -> str | None:
        """The text in a language, sentence by sentence; those that are not known stay as they
        are. None where there is nothing to translate."""
        index = self._indexes.get(language)
        if index is None or len(text) > LONGEST:
            return None
        parts = _ENDS.split(text)
        found = [index.find(part) for part in parts]
        if not any(found):
            return None
        return " ".join(new or old for new, old in zip(found, parts, strict=True))

    def faults(self) -> list[str]:
        """What a language lacks, or fills in although the English sentence does not."""
        every = {key for texts in self._catalogues.values() for key in texts}
        found = []
        for language, texts in self._catalogues.items():
            found += [f"{language}: not there: {key}" for key in sorted(every - texts.keys())]
            for key, value in texts.items():
                if placeholders(value) - placeholders(key):
                    found.append(f"{language}: fills in what is not there: {key}")
        return found

    @cached_property
    def _catalogues(self) -> Mapping[str, Mapping[str, str]]:
        found: dict[str, dict[str, str]] = {}
        for folder in self._folders:
            for path in sorted(folder.glob("*.json")):
                texts = json.loads(path.read_text(encoding="utf-8"))
                found.setdefault(path.stem, {}).update(texts)
        return found

    @cached_property
    def _indexes(self) -> Mapping[str, _Index]:
        return {language: _Index.of(texts) for language, texts in self._catalogues.items()}


@dataclass(frozen=True)
class _Index:
    """A catalogue, to look sentences up in: whole ones, and those with something filled in."""

    whole: Mapping[str, str]
    filled: Sequence[tuple[re.Pattern[str], str]]

    @classmethod
    def of(cls, texts: Mapping[str, str]) -> _Index:
        """Of several that fit a sentence, the one with the most words of its own counts."""
        filled = [key for key in texts if "{" in key]
        filled.sort(key=lambda key: len(_PLACEHOLDER.sub("", key)), reverse=True)
        return cls(texts, [(_pattern(key), texts[key]) for key in filled])

    def find(self, sentence: str) -> str | None:
        if (found := self.whole.get(sentence)) is not None and "{" not in sentence:
            return found
        for pattern, target in self.filled:
            if (match := pattern.fullmatch(sentence)) is not None:
                values = {name: self._value(value) for name, value in match.groupdict().items()}
                return target.format_map(values)
        return None

    def _value(self, value: str) -> str:
        """What is filled in: it may be known itself, or a number."""
        if _THOUSANDS.fullmatch(value):
            return value.replace(",", ".")
        return self.find(value) or value


@cache
def _pattern(key: str) -> re.Pattern[str]:
    """What is filled in never reaches over the end of a sentence."""
    parts = _PLACEHOLDER.split(key)
    literals, names = parts[::2], parts[1::2]
    body = re.escape(literals[0])
    for name, literal in zip(names, literals[1:], strict=True):
        body += rf"(?P<{name}>(?:(?![.!?] ).)+?){re.escape(literal)}"
    return re.compile(body, re.DOTALL)


# --- while a request is answered -----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads the answer to the request that is dealt with now."""

    sentences: Sentences
    accept_language: str


READER: ContextVar[Reader | None] = ContextVar("READER", default=None)


def in_their_language(text: str) -> str | None:
    """The text in the language that the request asks for; None where that is English, or the
    text is not known."""
    reader = READER.get()
    if reader is None or not reader.accept_language:
        return None
    return reader.sentences.translate(text, preferred_language(reader.accept_language))


def told(text: str) -> str:
    """The text in the language that the request asks for, else as it is."""
    return in_their_language(text) or text


Told = Annotated[str, PlainSerializer(told, return_type=str)]
"""A sentence of ours in a response: whoever reads it gets it in their language."""
