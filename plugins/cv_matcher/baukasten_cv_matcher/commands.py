"""`baukasten rank --job FILE CV...`: a ranking from files, with progress and evidence."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.progress import Progress

    from baukasten_core.api import Client

NAME = "cv_matcher"
POLL_SECONDS = 1.0
CONFLICT = 409
MARK = {"full": "[green]●[/]", "partial": "[yellow]◐[/]", "missing": "[red]○[/]"}


@click.command()
@click.argument("cvs", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--job",
    "advertisement",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The job description: a file of any supported format.",
)
@click.option("--project", help="Name or id; by default a new project called after the file.")
@click.option("--method", type=click.Choice(["auto", "llm", "extractive"]), default="auto")
@click.option("--provider", help="A configured LLM instance.")
@click.option("--model", default="", help="One of its models.")
@click.option("--json", "as_json", is_flag=True, help="The whole ranking as JSON.")
def rank(
    cvs: Sequence[Path],
    advertisement: Path,
    project: str | None,
    method: str,
    provider: str | None,
    model: str,
    as_json: bool,
) -> None:
    """Rank CVs (files or folders) against a job description.

    Run again with the same project to add CVs; what is there already is recognised.
    """
    from baukasten_core.api import Client

    who = {"method": method, "provider": provider, "model": model}
    files = _files(cvs)
    if not files:
        raise click.UsageError("No files there.")
    with Client() as client:
        name = project or f"{advertisement.stem} {time.strftime('%Y-%m-%d %H:%M')}"
        base = f"/{NAME}/projects/{client.project(name, type_=NAME)['id']}"
        ranking = run(client, base, advertisement, files, who, quiet=as_json)
    if as_json:
        click.echo(json.dumps(ranking, indent=2, ensure_ascii=False))
    else:
        show(ranking)
    for path, reason in ranking["not_read"].items():
        click.echo(f"{path}: {reason}", err=True)
    sys.exit(1 if ranking["failed"] or ranking["not_read"] else 0)


def run(
    client: Client,
    base: str,
    advertisement: Path,
    cvs: Sequence[Path],
    who: dict[str, Any],
    *,
    quiet: bool,
) -> dict[str, Any]:
    """Upload, start, and wait until every candidate is done or failed; `not_read` holds the files
    that were refused, with the reason."""
    from rich.console import Console
    from rich.progress import Progress

    project_id = base.rsplit("/", 1)[1]
    with Progress(console=Console(stderr=True), disable=quiet) as bar:
        job_id = upload(client, project_id, advertisement)
        documents, not_read = upload_all(client, project_id, cvs, bar)
        if not documents:
            raise click.ClickException("; ".join(not_read.values()))
        job = client.post(f"{base}/job", {"document_id": job_id, **who})
        client.post(f"{base}/candidates", {"document_ids": documents})
        ranking: dict[str, Any] = client.post(f"{base}/rank", who)
        comparing = f"Comparing with {len(job['requirements'])} requirements"
        task = bar.add_task(comparing, total=ranking["total"])
        while ranking["status"] == "running":
            time.sleep(POLL_SECONDS)
            ranking = client.get(f"{base}/ranking")
            bar.update(task, completed=ranking["done"] + ranking["failed"])
    return {**ranking, "not_read": not_read}


def upload_all(
    client: Client, project_id: str, cvs: Sequence[Path], bar: Progress
) -> tuple[list[str], dict[str, str]]:
    """The documents' ids, and what is wrong with the files that were refused: the others are
    ranked all the same."""
    from baukasten_core.api import ClientError

    documents: list[str] = []
    not_read: dict[str, str] = {}
    for path in bar.track(cvs, description="Uploading"):
        try:
            documents.append(upload(client, project_id, path))
        except ClientError as error:
            not_read[str(path)] = error.detail
    return documents, not_read


def upload(client: Client, project_id: str, path: Path) -> str:
    """The document's id; of the one that has this content already, where there is one."""
    from baukasten_core.api import ClientError

    try:
        with path.open("rb") as file:
            options = {"files": {"file": (path.name, file)}, "data": {"project_id": project_id}}
            return str(client.request("POST", "/documents/upload", **options).json()["id"])
    except ClientError as error:
        known = error.extra.get("body", {}).get("document_id")
        if error.status_code != CONFLICT or known is None:
            raise
        return str(known)


def show(ranking: dict[str, Any]) -> None:
    """A table of the candidates, and the best one's evidence."""
    from rich.console import Console
    from rich.table import Table

    console = Console()
    table = Table(title="Ranking", caption=ranking["formula"])
    table.add_column("#", justify="right")
    table.add_column("Candidate")
    table.add_column("Score", justify="right")
    table.add_column("Requirements")
    for row in ranking["candidates"]:
        marks = " ".join(MARK[item["verdict"]] for item in row["requirements"])
        score = "–" if row["score"] is None else f"{row['score']:.0%}"
        table.add_row(str(row["rank"] or "–"), row["label"], score, row["error"] or marks)
    console.print(table)
    best = next((row for row in ranking["candidates"] if row["rank"] == 1), None)
    if best is not None:
        _evidence(console, best)
    how = ranking["provider"] or "extractive: words alone, no language model"
    console.print(f"Compared by {how}.", highlight=False)


def _evidence(console: Any, row: dict[str, Any]) -> None:
    from rich.markup import escape

    console.print(f"\n[bold]{escape(row['label'])}[/]", highlight=False)
    for item in row["requirements"]:
        console.print(f"{MARK[item['verdict']]} {escape(item['text'])}", highlight=False)
        for quote in item["evidence"]:
            page = f" (page {quote['page']})" if quote["page"] else ""
            words = " ".join(quote["quote"].split())
            console.print(f"    [dim]“{escape(words)}”{page}[/]", highlight=False)


def _files(paths: Sequence[Path]) -> list[Path]:
    """Files, and those in folders, each once, in order."""
    found: list[Path] = []
    for path in paths:
        found += (
            sorted(item for item in path.rglob("*") if item.is_file()) if path.is_dir() else [path]
        )
    return list(dict.fromkeys(found))
