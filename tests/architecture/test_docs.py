"""What the documentation says of the code is what the code says."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from baukasten_core import hookspecs
from baukasten_core.settings import setting_names, variable

ROOT = Path(__file__).parents[2]


def load_build() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_build", ROOT / "docs" / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


BUILD = load_build()


@pytest.mark.parametrize("path", BUILD.documents(), ids=lambda path: path.name)
def test_what_is_made_from_the_code_is_up_to_date(path: Path) -> None:
    assert path.read_text() == BUILD.documents()[path], "run `make docs`"


@pytest.mark.parametrize("page", ["README.md", "docs/plugins.md"])
def test_the_example_plugin_is_shown_whole(page: str) -> None:
    text = (ROOT / page).read_text()
    for source in (ROOT / "docs" / "examples" / "notes").rglob("*.py"):
        assert source.read_text() in text


def test_every_hook_is_documented() -> None:
    text = (ROOT / "docs" / "reference" / "hooks.md").read_text()
    for name, hook in vars(hookspecs).items():
        if name.startswith("register_"):
            assert f"## `{name}`" in text
            assert hook.__doc__, f"{name} has no docstring"


def test_every_setting_is_documented() -> None:
    text = (ROOT / "docs" / "reference" / "settings.md").read_text()
    for name, field in setting_names():
        assert field.description, f"{name} has no description"
        assert f"| `{name}` | `{variable(name)}` |" in text


def test_links_within_the_documentation_lead_somewhere() -> None:
    import re

    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    broken = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in pages
        for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", page.read_text())
        if not (page.parent / target).exists()
    ]
    assert not broken, broken
