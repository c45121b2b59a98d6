"""The documentation's showcase through the contract suite; those that ship: plugins/."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from baukasten_core.contracts.showcase import Showcase
from baukasten_core.testing.contracts.showcase import ShowcaseContract

NOTES = Path(__file__).parents[2] / "docs" / "examples" / "notes" / "baukasten_notes"


class TestNotes(ShowcaseContract):
    @pytest.fixture(scope="class")
    def showcase(self) -> Showcase:
        spec = importlib.util.spec_from_file_location("notes_of_the_docs", NOTES / "__init__.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        found: Showcase = module.register_showcase()
        return found
