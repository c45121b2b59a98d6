"""`baukasten settings`: every setting, its variable, default and meaning."""

from __future__ import annotations

from typing import Any

import click

INTRO = """# Settings

Made by `baukasten settings --markdown`; a test compares.

A setting is read from its environment variable, else from `settings` in `serve_config.yaml`, else
from the secrets generated on first run, else it has its default. An unknown key is an error that
names the nearest known one. Values that are lists or mappings are JSON in a variable.
"""


@click.command()
@click.option("--markdown", is_flag=True, help="As the reference in docs/ prints it.")
def settings(markdown: bool) -> None:
    """Explain every setting."""
    from baukasten_core.settings import setting_names, variable

    if markdown:
        click.echo(reference(), nl=False)
        return
    for name, field in setting_names():
        click.echo(f"{name} ({variable(name)}, default {_default(field)})")
        click.echo(f"    {field.description}\n")


def reference() -> str:
    """The page in docs/reference."""
    from baukasten_core.settings import Settings, setting_names, variable

    lines, section = [INTRO], None
    for name, field in setting_names():
        head = name.partition(".")[0] if "." in name else ""
        if head != section:
            section = head
            about = Settings.model_fields[head].annotation.__doc__ if head else "Of all of it."
            lines += ["", f"## {head or 'General'}", "", f"{about}", ""]
            lines += ["| setting | variable | default | meaning |", "|---|---|---|---|"]
        meaning = str(field.description).replace("|", "\\|")
        lines.append(f"| `{name}` | `{variable(name)}` | {_default(field)} | {meaning} |")
    return "\n".join(lines).replace("\n\n\n", "\n\n") + "\n"


def _default(field: Any) -> str:
    value = "computed" if field.default_factory else field.default
    return "none" if value in (None, "", ()) else f"`{value}`"
