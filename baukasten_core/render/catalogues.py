"""Message catalogues: one JSON file a language in a folder, so every text stands in one place."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

DEFAULT_LANGUAGE = "en"


class Messages:
    """The texts of a folder with `de.json`, `en.json`, `es.json`, ...: text by key.

        TEXTS = Messages(Path(__file__).parent / "messages")
        TEXTS.translate("de", "book.contents")

    Files are read at first use. A test should call `faults` so that no language lacks a text.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages there is a file for."""
        return tuple(self._catalogues)

    def translate(self, language: str, key: str, **values: object) -> str:
        """The text of `key` in a language (English where there is no such file), with `values`
        filled in.

        Raises:
            KeyError: no such text, or a placeholder without a value.
        """
        return self.catalogue(language)[key].format_map(values)

    def catalogue(self, language: str) -> Mapping[str, str]:
        """Every text of a language, English where there is no file for it."""
        catalogues = self._catalogues
        return catalogues.get(language) or catalogues[DEFAULT_LANGUAGE]

    def faults(self) -> list[str]:
        """What a language lacks, has too much or fills in otherwise than English does."""
        wanted = self.catalogue(DEFAULT_LANGUAGE)
        found = []
        for language, texts in self._catalogues.items():
            for key in sorted(wanted.keys() ^ texts.keys()):
                found.append(f"{language}: {key} stands in one language only")
            for key in sorted(wanted.keys() & texts.keys()):
                if placeholders(wanted[key]) != placeholders(texts[key]):
                    found.append(f"{language}: {key} has other placeholders")
        return found

    @cached_property
    def _catalogues(self) -> Mapping[str, Mapping[str, str]]:
        return MappingProxyType(
            {
                path.stem: MappingProxyType(json.loads(path.read_text(encoding="utf-8")))
                for path in sorted(self._folder.glob("*.json"))
            }
        )


def placeholders(text: str) -> frozenset[str]:
    """The names in braces that `str.format` would fill."""
    from string import Formatter

    return frozenset(name for _, name, _, _ in Formatter().parse(text) if name is not None)
