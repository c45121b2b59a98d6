"""Every text for people is there in every language."""

from __future__ import annotations

from string import Formatter

import pytest

from baukasten_core.render.messages import (
    LANGUAGES,
    catalogue,
    known_language,
    preferred_language,
    translate,
)


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_catalogue_has_the_same_keys_and_placeholders(language: str) -> None:
    english, other = catalogue("en"), catalogue(known_language(language))
    assert english.keys() == other.keys()
    for key, text in english.items():
        assert other[key].strip()
        assert placeholders(text) == placeholders(other[key]), key


def test_an_unknown_language_is_answered_in_english() -> None:
    assert translate("fr", "mail.verify.subject", title="T") == "Confirm your address for T"


def test_values_are_not_read_as_placeholders() -> None:
    assert "{link}" in translate("en", "mail.verify.subject", title="{link}")


@pytest.mark.parametrize(
    ("header", "language"),
    [
        (None, "en"),
        ("", "en"),
        ("de", "de"),
        ("de-AT,de;q=0.9,en;q=0.8", "de"),
        ("fr-FR,es;q=0.7,en;q=0.9", "en"),
        ("fr, es;q=0.5", "es"),
        ("*", "en"),
        ("de;q=0", "en"),
        ("de;q=nonsense", "en"),
        ("," * 10_000 + "de", "en"),
    ],
)
def test_the_preferred_language_is_chosen(header: str | None, language: str) -> None:
    assert preferred_language(header) == language
