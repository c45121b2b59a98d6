"""What `baukasten embeddings` shows: the status, a bar while something moves, how it ended."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.progress import Progress

    from baukasten_core.documents.embedders import Embedders
    from baukasten_core.documents.moves import Move, Moves, Place, Status

ASK_SECONDS = 1.0
IDLE_SECONDS = 30.0
"""After so long without progress it is said that the worker may be missing."""


async def watch(moves: Moves, places: Sequence[Place], *, quiet: bool) -> list[Move]:
    """Show a bar until nothing of these is at work any more; answers the moves as they are then."""
    changed, before = time.monotonic(), -1
    with _bar(quiet) as bar:
        task = bar.add_task("Moving", total=None)
        while True:
            found = [each for each in (await moves.status()).moves if each.place in places]
            done, total = sum(each.done for each in found), sum(each.total for each in found)
            moving = any(each.state == "running" for each in found)
            what = "Moving" if moving else "Dropping vectors"
            bar.update(task, description=what, completed=done, total=total)
            if not moving and not any(each.state == "dropping" for each in found):
                return found
            if done != before:
                changed, before = time.monotonic(), done
            elif time.monotonic() - changed > IDLE_SECONDS:
                changed = time.monotonic()
                bar.console.print("Nothing moves. Does the platform run, with a worker?")
            await asyncio.sleep(ASK_SECONDS)


def _bar(quiet: bool) -> Progress:
    """On standard error, with the rate and the time that is left."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text(f"{task.speed:.0f} chunks/s" if task.speed else "")

    what = TextColumn("[bold]{task.description}")
    columns = (what, BarColumn(), MofNCompleteColumn(), Rate(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True), disable=quiet)


def outcome(places: Sequence[Place], moves: Sequence[Move] | None) -> str:
    """What has become of it, in sentences; without `moves`, nobody waited for that."""
    if moves is None:
        told = "\n".join(f"{place}: told." for place in places)
        return f"{told}\n`baukasten embeddings status` tells how far it is."
    return "\n".join(_became(place, moves) for place in places)


def _became(place: Place, moves: Sequence[Move]) -> str:
    move = next((each for each in moves if each.place == place), None)
    if move is not None and move.state == "moved":
        return (
            f"{place} has moved. `baukasten embeddings confirm` gives up its old vectors, "
            "`rollback` goes back."
        )
    if move is not None and move.state == "failed":
        return f"{place} stopped: {move.error}"
    if move is not None and move.state == "paused":
        return f"{place} is paused. `baukasten embeddings resume` goes on."
    return f"{place} is done."


def described(status: Status, embedders: Embedders) -> dict[str, Any]:
    """The status as JSON has it."""
    names: dict[str, str] = {}
    configured = []
    for each in embedders:
        space = each.known_space
        if space is not None:
            names.setdefault(space.id, each.name)
        configured.append(
            {
                "name": each.name,
                "provider": each.provider.name,
                "space": space.id if space else None,
                "model": space.model if space else None,
                "dimensions": space.dimensions if space else None,
            }
        )
    usage = [
        {
            **_ids(each.place),
            "space": each.space,
            "embedder": names.get(each.space),
            "other_space": each.other_space,
            "documents": each.documents,
            "chunks": each.chunks,
        }
        for each in status.usage
    ]
    moving = [
        {
            **_ids(each.place),
            "state": each.state,
            "back": each.back,
            "from": names.get(each.from_space, each.from_space),
            "to": names.get(each.to_space, each.to_space),
            "done": each.done,
            "total": each.total,
            "error": each.error,
        }
        for each in status.moves
    ]
    return {"embedders": configured, "usage": usage, "moves": moving}


def _ids(place: Place) -> dict[str, str | None]:
    project = place.project_id
    return {"tenant": str(place.tenant_id), "project": str(project) if project else None}


def print_report(report: dict[str, Any]) -> None:
    """The same as tables."""
    from rich.console import Console
    from rich.table import Table

    console = Console()
    for title, rows in (
        ("Embedders", report["embedders"]),
        ("Documents", report["usage"]),
        ("Moves", report["moves"]),
    ):
        if rows:
            table = Table(*rows[0], title=title)
            for row in rows:
                table.add_row(*("" if value is None else str(value) for value in row.values()))
            console.print(table)
    lost = [row for row in report["usage"] if row["embedder"] is None]
    if lost:
        spaces = ", ".join(sorted({row["space"] for row in lost}))
        console.print(
            f"No embedder is configured for {spaces}: documents there are found by their words "
            "only. Name it in `embedding.more`, or move them.",
            highlight=False,
        )
