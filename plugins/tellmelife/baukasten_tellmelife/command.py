"""`baukasten book`: dated text files become a book, on a running platform."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from baukasten_core.api import Client, ClientError
from baukasten_tellmelife.diary import Dated, read_entries

POLL_SECONDS = 0.5


@click.command()
@click.argument("paths", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option("--project", required=True, help="Name or id; a new name makes a project.")
@click.option("--out", type=click.Path(path_type=Path), help="The PDF. Default: the book's title.")
@click.option("--title", help="Default: the project's name.")
@click.option("--subtitle", help="Stands under the title.")
@click.option("--author", help="Stands on the title page.")
@click.option("--dedication", help="A page of its own.")
@click.option("--language", type=click.Choice(["de", "en", "es"]), help="Default: most entries'.")
@click.option("--since", help="First day, YYYY-MM-DD.")
@click.option("--until", help="Last day, YYYY-MM-DD.")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable result.")
def book(
    paths: Sequence[Path], project: str, out: Path | None, as_json: bool, **options: str | None
) -> None:
    """Make a book of a project's entries, after adding those of PATHS.

    PATHS are text files and folders of them. A file's name begins with its date (1962-03-03.txt),
    or its first line holds it. What the project has already is not added again.
    """
    entries = read_entries(paths) if paths else []
    body = {name: value for name, value in options.items() if value is not None}
    with Client() as client:
        project_id = client.project(project, type_="tellmelife")["id"]
        added = add_entries(client, project_id, entries, quiet=as_json)
        made = finished(
            client, client.post(f"/tellmelife/projects/{project_id}/book", body), as_json
        )
        if made["status"] == "failed":
            raise ClientError(f"The book could not be made: {made['error']}")
        target = out or Path(file_name(made["title"]))
        save(client, made, target)
    report(made, added, target, as_json)


def add_entries(
    client: Client, project_id: str, entries: Sequence[Dated], *, quiet: bool = False
) -> int:
    """Add the entries that the project does not have; answers how many those were."""
    there = {(entry["date"], entry["text"]) for entry in all_entries(client, project_id)}
    new = [entry for entry in entries if (entry.date.isoformat(), entry.text) not in there]
    with click.progressbar(new, label="Adding", file=sys.stderr, hidden=quiet or not new) as bar:
        for entry in bar:
            body = {
                "date": entry.date.isoformat(),
                "text": entry.text,
                "title": entry.title or None,
            }
            client.post(f"/tellmelife/projects/{project_id}/entries", body)
    return len(new)


def all_entries(client: Client, project_id: str) -> Iterator[dict[str, Any]]:
    """Every entry of a project, page by page."""
    url: str | None = f"/tellmelife/projects/{project_id}/entries?limit=100"
    while url:
        response = client.request("GET", url)
        yield from response.json()
        url = response.links.get("next", {}).get("url")


def finished(client: Client, made: dict[str, Any], quiet: bool) -> dict[str, Any]:
    """Wait until the book is ready or failed."""
    total = max(made["total"], 1)
    with click.progressbar(length=total, label="Writing", file=sys.stderr, hidden=quiet) as bar:
        while made["status"] in {"queued", "running"}:
            time.sleep(POLL_SECONDS)
            before = made["done"]
            made = client.get(f"/tellmelife/books/{made['id']}")
            bar.update(made["done"] - before)
    return made


def save(client: Client, made: dict[str, Any], target: Path) -> None:
    """Write the PDF, whole or not at all."""
    content = client.request("GET", made["file"]).content
    partial = target.with_name(target.name + ".part")
    partial.write_bytes(content)
    os.replace(partial, target)


def file_name(title: str) -> str:
    """A title as the name of a file, on every system."""
    kept = "".join(c if c.isalnum() or c in " -_,.'’" else "_" for c in title)
    return f"{' '.join(kept.split()).strip('.')[:100] or 'book'}.pdf"


def report(made: dict[str, Any], added: int, target: Path, as_json: bool) -> None:
    """Say what came out, and which chapters did not."""
    if as_json:
        click.echo(json.dumps({**made, "added": added, "saved": str(target)}, indent=2))
        return
    chapters = made["total"] - len(made["failed"])
    click.echo(f"{target}: {chapters} chapters on {made['pages']} pages ({added} entries added)")
    for failure in made["failed"]:
        name = f"{failure['date']} {failure['title'] or ''}".strip()
        click.echo(f"  not written: {name}: {failure['reason']}", err=True)
