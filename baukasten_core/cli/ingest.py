"""`baukasten ingest PATH...`: files and folders into a project, with progress."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.progress import Progress

    from baukasten_core.cli.client import Client

UPLOADS_AT_A_TIME = 4
POLL_SECONDS = 0.5


@dataclass
class Tally:
    """What became of each file."""

    ready: list[str] = field(default_factory=list)
    already_there: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)


@click.command()
@click.argument("paths", nargs=-1, required=True)
@click.option("--project", required=True, help="Name or id; a new name makes a PrivateGPT project.")
@click.option("--type", "type_", default="privategpt", help="Showcase of a project that is made.")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable result.")
def ingest(paths: Sequence[str], project: str, type_: str, as_json: bool) -> None:
    """Upload files, folders and globs, and wait until they can be searched.

    Run again after an interruption: what is there already is recognised by its content.
    """
    from baukasten_core.cli.client import Client

    files = list(expand(paths))
    if not files:
        raise click.UsageError("No files there.")
    with Client() as client:
        project_id = client.project(project, type_=type_)["id"]
        tally = ingest_files(client, project_id, files, quiet=as_json)
    report(tally, as_json)
    sys.exit(1 if tally.failed else 0)


def expand(paths: Sequence[str]) -> Iterator[Path]:
    """The files that paths, folders and globs stand for, each once, in order."""
    seen: set[Path] = set()
    for text in paths:
        path = Path(text)
        if path.is_dir():
            found = sorted(p for p in path.rglob("*") if p.is_file())
        elif path.exists():
            found = [path]
        else:
            anchor = Path(path.anchor or ".")
            found = sorted(
                p for p in anchor.glob(str(path.relative_to(path.anchor))) if p.is_file()
            )
            if not found:
                raise click.UsageError(f"{text}: no such file or folder.")
        for file in found:
            if file not in seen:
                seen.add(file)
                yield file


def ingest_files(
    client: Client, project_id: str, files: Sequence[Path], *, quiet: bool = False
) -> Tally:
    """Upload `files` and wait for each to be ready or failed."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as Remaining

    tally = Tally()
    columns = ("[bold]{task.description}", BarColumn(), MofNCompleteColumn())
    rate = TextColumn("{task.fields[rate]}")
    with Progress(*columns, rate, Remaining(), console=Console(stderr=True), disable=quiet) as bar:
        waiting = _upload(client, project_id, files, tally, bar)
        _wait(client, project_id, waiting, tally, bar)
    return tally


def _upload(
    client: Client, project_id: str, files: Sequence[Path], tally: Tally, bar: Progress
) -> dict[str, str]:
    """Upload all; answers the paths of those that are now being read, by document id."""
    task = bar.add_task("Uploading", total=len(files), rate="")
    waiting: dict[str, str] = {}
    with ThreadPoolExecutor(UPLOADS_AT_A_TIME) as pool:
        for path, result in zip(
            files, pool.map(lambda file: _upload_one(client, project_id, file), files), strict=True
        ):
            if isinstance(result, dict):
                waiting[result["id"]] = str(path)
            elif result == "":
                tally.already_there.append(str(path))
            else:
                tally.failed[str(path)] = result
            bar.advance(task)
    return waiting


def _upload_one(client: Client, project_id: str, path: Path) -> dict[str, Any] | str:
    """The document; "" if its content is there already; else what is wrong."""
    from baukasten_core.cli.client import ClientError

    try:
        with path.open("rb") as file:
            options: dict[str, Any] = {
                "files": {"file": (path.name, file)},
                "data": {"project_id": project_id},
            }
            made: dict[str, Any] = client.request("POST", "/documents/upload", **options).json()
            return made
    except ClientError as error:
        return "" if error.status_code == 409 else error.detail
    except OSError as error:
        return f"can't be read: {error.strerror}"


def _wait(
    client: Client, project_id: str, waiting: dict[str, str], tally: Tally, bar: Progress
) -> None:
    task = bar.add_task("Reading", total=len(waiting), rate="")
    started = time.monotonic()
    while waiting:
        for document in _finished(client, project_id, waiting):
            path = waiting.pop(document["id"])
            if document["status"] == "ready":
                tally.ready.append(path)
            else:
                tally.failed[path] = document["error"] or "failed"
            done = len(tally.ready) + len(tally.failed)
            rate = f"{done / max(time.monotonic() - started, 0.1):.1f}/s"
            bar.update(task, advance=1, rate=rate)
        if waiting:
            time.sleep(POLL_SECONDS)


def _finished(client: Client, project_id: str, waiting: dict[str, str]) -> Iterator[dict[str, Any]]:
    url: str | None = f"/documents?project_id={project_id}&limit=100"
    while url:
        response = client.request("GET", url)
        for document in response.json():
            if document["id"] in waiting and document["status"] in {"ready", "failed"}:
                yield document
        url = response.links.get("next", {}).get("url")


def report(tally: Tally, as_json: bool) -> None:
    """Say what became of the files."""
    if as_json:
        click.echo(json.dumps(vars(tally), indent=2))
        return
    click.echo(
        f"{len(tally.ready)} ready, {len(tally.already_there)} were there already, "
        f"{len(tally.failed)} failed"
    )
    for path, reason in tally.failed.items():
        click.echo(f"  {path}: {reason}", err=True)
