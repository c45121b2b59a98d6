"""Writes what of the documentation is made from the code; a test compares (`make docs`)."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

from baukasten_core import hookspecs
from baukasten_core.cli.settings import reference

DOCS = Path(__file__).parent
ROOT = DOCS.parent
EXAMPLE = DOCS / "examples" / "notes"
SHOWN_IN = (ROOT / "README.md", DOCS / "plugins.md")
MARK = re.compile(
    r"<!-- example: docs/examples/notes -->\n(?:.*?<!-- end of example -->\n)?", re.DOTALL
)
LANGUAGES = {".py": "python", ".toml": "toml"}

HOOKS = """# Hooks

Made from `baukasten_core/hookspecs.py`; a test compares.

"""


def documents() -> dict[Path, str]:
    """Every file that is made, or has a part that is, with its content."""
    made = {
        DOCS / "reference" / "settings.md": reference(),
        DOCS / "reference" / "hooks.md": hooks(),
    }
    for page in SHOWN_IN:
        if page.exists():
            made[page] = MARK.sub(lambda _: example(), page.read_text())
    return made


def hooks() -> str:
    """Every hook with what it returns and when it is called."""
    parts = [HOOKS, inspect.cleandoc(hookspecs.__doc__ or ""), "\n"]
    for name, hook in vars(hookspecs).items():
        if name.startswith("register_"):
            signature = str(inspect.signature(hook)).replace("'", "")
            parts.append(f"\n## `{name}`\n\n`{signature}`\n\n{inspect.getdoc(hook)}\n")
    return "".join(parts)


def example() -> str:
    """The whole source of the example plugin, file by file."""
    parts = ["<!-- example: docs/examples/notes -->\n"]
    for name in (
        "pyproject.toml",
        "baukasten_notes/__init__.py",
        "baukasten_notes/migrations/0001_notes.py",
    ):
        source = EXAMPLE / name
        parts.append(f"`{name}`\n\n```{LANGUAGES[source.suffix]}\n{source.read_text()}```\n\n")
    return "".join(parts) + "<!-- end of example -->\n"


if __name__ == "__main__":
    for path, content in documents().items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)
