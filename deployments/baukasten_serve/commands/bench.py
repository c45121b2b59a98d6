"""`baukasten bench NAME`: a scenario of the checkout's `benchmarks`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import click

import baukasten_serve


@click.command(
    context_settings={"ignore_unknown_options": True, "help_option_names": []},
    options_metavar="",
)
@click.argument("name", required=False)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def bench(name: str | None, arguments: tuple[str, ...]) -> None:
    """Run the benchmark NAME of this checkout; ARGUMENTS are its own (try --help)."""
    checkout = _checkout()
    names = _names(checkout / "benchmarks")
    if name not in names:
        wrong = f"there is no benchmark `{name}`; " if name and name != "--help" else ""
        raise click.UsageError(f"{wrong}say which one: {', '.join(names)}")
    command = [sys.executable, "-m", f"benchmarks.{name}", *arguments]
    sys.exit(subprocess.run(command, cwd=Path.cwd(), env=_environment(checkout)).returncode)


def _checkout() -> Path:
    """Where the sources are: benchmarks are not part of what is installed."""
    for folder in (Path.cwd(), *Path(baukasten_serve.__file__).parents):
        if (folder / "benchmarks" / "load.py").is_file():
            return folder
    raise click.UsageError(
        "benchmarks are in the project's repository only; run this in a checkout of it"
    )


def _names(folder: Path) -> list[str]:
    packages = {path.parent.name for path in folder.glob("*/__main__.py")}
    modules = {path.stem for path in folder.glob("*.py")} - {"__init__", "load"}
    return sorted(packages | modules)


def _environment(checkout: Path) -> dict[str, str]:
    path = os.pathsep.join(filter(None, [str(checkout), os.environ.get("PYTHONPATH")]))
    return {**os.environ, "PYTHONPATH": path}
