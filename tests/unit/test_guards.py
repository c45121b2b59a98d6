"""Where an embedder or a blob store is, decides whether anything is asked before it gets data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from baukasten_core.db.session import Database
from baukasten_core.parts import blob_guard, embedding_guard
from baukasten_core.settings import Settings

NOWHERE = Database("postgresql://nobody@/nothing")


def settings(home: Path, **values: Any) -> Settings:
    return Settings(home=home, **values)


def test_what_is_on_this_machine_needs_no_guard(tmp_path: Path) -> None:
    assert embedding_guard(settings(tmp_path), NOWHERE) is None
    assert blob_guard(settings(tmp_path), NOWHERE) is None


@pytest.mark.parametrize(
    ("section", "make"),
    [
        ({"embedding": {"options": {"base_url": "https://embed.example/v1"}}}, embedding_guard),
        ({"storage": {"blob_options": {"url": "s3://bucket/files"}}}, blob_guard),
    ],
)
def test_what_is_elsewhere_has_one(tmp_path: Path, section: dict[str, Any], make: Any) -> None:
    assert make(settings(tmp_path, **section), NOWHERE) is not None
