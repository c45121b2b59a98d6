"""Whatever the platform says to people, it says in their language."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel, Field, ValidationError

from baukasten_core import errors
from baukasten_core.render.sentences import CORE, VALIDATION, Sentences

ROOT = Path(__file__).parents[2]
SENTENCES = Sentences(CORE, VALIDATION)
SHOWCASES = [
    f"plugins/{name}/baukasten_{name}" for name in ("cv_matcher", "privategpt", "tellmelife")
]

FOR_OPERATORS = (
    "cli/",
    "evaluation/",
    "testing/",
    "db/migrations/",
    "accounts/first_admin.py",
    "documents/move",
    "privacy/receipts.py",
    "providers/embedding/",
    "providers/reranking/",
    "providers/storage/fsspec_blobs.py",
)
"""What only commands and the logs of a wrongly configured platform say."""

FOR_PROGRAMS = (
    "http/anthropic_",
    "http/openai_",
    "http/embeddings_routes.py",
    "http/tenants_routes.py",
    "gateway/forms.py",
)
"""What callers of the API say to it wrongly, and no page does."""

KINDS = {
    name
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, errors.BaukastenError)
} - {"SettingsError", "StartupRefused", "PluginError", "TemplateError"}


def shape(text: str) -> str:
    return re.sub(r"\{[^{}]*\}", "{}", text)


def text_of(node: ast.AST) -> str | None:
    """A text as it stands in the code, `{}` where something is filled in."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(
            str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values
        )
    return None


def said(call: ast.Call) -> Iterator[str]:
    """What an error says: its detail and its hint, where they stand in the call."""
    name = getattr(call.func, "id", getattr(call.func, "attr", ""))
    if name in KINDS:
        hints = [keyword.value for keyword in call.keywords if keyword.arg == "hint"]
        for node in (*call.args[:1], *hints):
            text = text_of(node)
            if text is None or text.isupper() or text.startswith(("GET ", "POST ")):
                continue
            if any(character.isalpha() for character in text):
                yield text


def files(package: str) -> list[Path]:
    return sorted(path for path in (ROOT / package).rglob("*.py"))


def known(sentences: Sentences, text: str) -> bool:
    """Sentence by sentence; what is filled in alone is one of its own."""
    keys = {shape(key) for key in sentences.catalogue("de")}
    parts = re.split(r"(?<=[.!?]) (?=\S)|(?<=^\{\}) (?=\()", shape(text))
    return all(part in keys or part == "{}" for part in parts)


@pytest.mark.parametrize("package", ["baukasten_core", *SHOWCASES])
def test_every_error_that_people_meet_is_in_the_catalogues(package: str) -> None:
    sentences = Sentences(CORE, ROOT / package / "sentences")
    missing = []
    for path in files(package):
        name = path.relative_to(ROOT / package).as_posix()
        if name.startswith((*FOR_OPERATORS, *FOR_PROGRAMS)):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                missing += [f"{name}: {text}" for text in said(node) if not known(sentences, text)]
    assert missing == []


@pytest.mark.parametrize(
    ("packages", "folder"),
    [
        (("baukasten_core", "deployments/baukasten_serve"), CORE),
        *(((package,), ROOT / package / "sentences") for package in SHOWCASES),
    ],
)
def test_no_sentence_is_kept_that_nothing_says_any_more(
    packages: tuple[str, ...], folder: Path
) -> None:
    there: list[str] = []
    for path in (path for package in packages for path in files(package)):
        nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        there += [shape(text) for node in nodes if (text := text_of(node)) is not None]
    whole = "\n".join(there)
    keys = Sentences(folder).catalogue("de")
    assert [key for key in keys if shape(key) not in whole] == []


@pytest.mark.parametrize(
    "folder", [CORE, VALIDATION, *(ROOT / package / "sentences" for package in SHOWCASES)]
)
def test_every_sentence_is_there_in_every_language(folder: Path) -> None:
    sentences = Sentences(folder)
    assert sentences.languages == ("de", "es")
    assert sentences.faults() == []


def test_what_is_filled_in_is_put_into_the_language_too() -> None:
    text = "The file is a RAR archive, which can't be read."
    assert SENTENCES.translate(text, "de") == (
        "Die Datei ist ein RAR-Archiv und kann nicht gelesen werden."
    )
    text = "The document has 12,345 pages; 2,000 is the limit here. Split it into smaller files."
    assert SENTENCES.translate(text, "es") == (
        "El documento tiene 12.345 páginas; el límite aquí es 2.000. "
        "Divídalo en archivos más pequeños."
    )


def test_a_sentence_that_is_not_known_stays_beside_those_that_are() -> None:
    text = "No language model can answer. Ollama does not answer at http://x:1. It rains."
    assert SENTENCES.translate(text, "de") == (
        "Kein Sprachmodell kann antworten. Ollama antwortet nicht unter http://x:1. It rains."
    )


@pytest.mark.parametrize("language", ["en", "fr"])
def test_english_is_what_is_said_where_there_is_no_catalogue(language: str) -> None:
    assert SENTENCES.translate("The file is empty.", language) is None


def test_names_in_a_sentence_change_nothing_in_it() -> None:
    """A file may have any name: also one that looks like a placeholder or another sentence."""
    for name in ("{size}", "The file is empty", "a`b", "{0.__class__}"):
        text = f"This project already has this content: `{name}` (17)."
        told = SENTENCES.translate(text, "de")
        assert told is not None
        assert told.startswith("Dieses Projekt hat diesen Inhalt schon:")


def test_what_does_not_fit_a_field_is_said_in_every_language() -> None:
    class Form(BaseModel):
        name: str = Field(min_length=2, max_length=3)
        number: int = Field(ge=1, le=9)
        kind: str = Field(pattern="^a$")

    for values in (
        {},
        {"name": "a", "number": 0, "kind": "b"},
        {"name": "abcd", "number": 10, "kind": 1},
        {"name": 1, "number": "x", "kind": "a"},
    ):
        with pytest.raises(ValidationError) as caught:
            Form.model_validate(values)
        for fault in caught.value.errors():
            assert SENTENCES.translate(fault["msg"], "de"), fault["msg"]
