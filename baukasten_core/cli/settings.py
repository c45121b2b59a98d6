"""`baukasten settings`: every setting, its variable, default and meaning."""

from __future__ import annotations

import click


@click.command()
@click.option("--markdown", is_flag=True, help="As the reference in docs/ prints it.")
def settings(markdown: bool) -> None:
    """Explain every setting."""
    from baukasten_core.settings import setting_names, variable

    for name, field in setting_names():
        default = _default(field)
        if markdown:
            click.echo(f"| `{name}` | `{variable(name)}` | {default} | {field.description} |")
        else:
            click.echo(f"{name} ({variable(name)}, default {default})\n    {field.description}\n")


def _default(field: object) -> str:
    factory = getattr(field, "default_factory", None)
    value = "computed" if factory else getattr(field, "default", None)
    return "none" if value in (None, "") else f"`{value}`"
