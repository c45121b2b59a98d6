"""`baukasten embeddings`: which space documents are in, and moving them to another."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

import click

from baukasten_core.cli.configuration import config_option, read_settings, with_database
from baukasten_core.cli.embeddings_shown import described, outcome, print_report, watch

if TYPE_CHECKING:
    from baukasten_core.documents.moves import Moves, Place
    from baukasten_core.settings import Settings

Meant = Callable[["Place"], bool]

# The states in which a move can be paused, resumed, ...
PAUSED = ("running",)
RESUMED = ("paused", "failed", "dropping")
ROLLED_BACK = ("running", "paused", "failed", "moved")
CONFIRMED = ("moved",)


@click.group()
def embeddings() -> None:
    """Which embedding space documents are in, and moving them to another.

    Documents go on being searched while they move. The worker of the running platform does the
    work; these commands tell it what to do, and show how far it is.
    """


def which(command: Callable[..., None]) -> Callable[..., None]:
    """The options that say what is meant: exactly one of them."""

    @click.option("--project", type=click.UUID, help="The documents of this project.")
    @click.option("--tenant", type=click.UUID, help="All documents of this tenant.")
    @click.option("--all", "everything", is_flag=True, help="All documents of all tenants.")
    @config_option
    @wraps(command)
    def wrapped(
        project: UUID | None,
        tenant: UUID | None,
        everything: bool,
        config_path: Path | None,
        **given: Any,
    ) -> None:
        if (project is not None) + (tenant is not None) + everything != 1:
            raise click.UsageError("Say what is meant: --project ID, --tenant ID, or --all.")

        def meant(place: Place) -> bool:
            return everything or (tenant or project) in (place.tenant_id, place.project_id)

        with with_database(read_settings(config_path)) as settings:
            command(settings, meant, **given)

    return wrapped


json_option = click.option("--json", "as_json", is_flag=True, help="Machine-readable output.")
detach_option = click.option(
    "--detach", is_flag=True, help="Don't wait for the end: `status` tells how far it is."
)


@embeddings.command()
@config_option
@json_option
def status(config_path: Path | None, as_json: bool) -> None:
    """Which embedders are configured, how much is in which space, and what moves."""
    with with_database(read_settings(config_path)) as settings:
        report = asyncio.run(_report(settings))
    if as_json:
        click.echo(json.dumps(report, indent=2))
    else:
        print_report(report)


@embeddings.command()
@click.option(
    "--to", "name", required=True, help="A name in `embedding.more`, or `default` for the default."
)
@json_option
@detach_option
@which
def migrate(settings: Settings, meant: Meant, name: str, as_json: bool, detach: bool) -> None:
    """Move documents to the space of another embedder. Ctrl-C leaves the move running.

    When all of a project's documents have their vectors there, they are searched there at once.
    The old vectors stay until the move is confirmed or rolled back.
    """

    async def begin(moves: Moves) -> list[Place]:
        status = await moves.status()
        places = list(dict.fromkeys(each.place for each in status.usage if meant(each.place)))
        if not places:
            raise click.ClickException(
                "There are no documents there. `baukasten embeddings status` lists what there is."
            )
        return [place for place in places if await moves.start(place, name)]

    nothing = "There is nothing to move: all of it is in that space."
    _act(settings, begin, as_json, watched=not detach, nothing=nothing)


def _on_moves(
    settings: Settings,
    meant: Meant,
    do: Literal["pause", "resume", "roll_back", "confirm"],
    states: Sequence[str],
    as_json: bool,
    *,
    watched: bool,
) -> None:
    """Do something with each move that is meant; with several, those that are in these states."""

    async def act(moves: Moves) -> list[Place]:
        found = [each for each in (await moves.status()).moves if meant(each.place)]
        moving = [each for each in found if each.state != "settled"]
        if not moving:
            raise click.ClickException(
                "There is no move there. `baukasten embeddings status` lists all moves."
            )
        chosen = [each for each in moving if each.state in states]
        for each in chosen if chosen else moving:
            await getattr(moves, do)(each.place)
        return [each.place for each in chosen]

    _act(settings, act, as_json, watched=watched, nothing="Nothing to do.")


@embeddings.command()
@json_option
@which
def pause(settings: Settings, meant: Meant, as_json: bool) -> None:
    """Stop a move after the batch that is under way. Nothing of it is lost."""
    _on_moves(settings, meant, "pause", PAUSED, as_json, watched=False)


@embeddings.command()
@json_option
@detach_option
@which
def resume(settings: Settings, meant: Meant, as_json: bool, detach: bool) -> None:
    """Go on with a move that was paused, or stopped by an error."""
    _on_moves(settings, meant, "resume", RESUMED, as_json, watched=not detach)


@embeddings.command()
@json_option
@detach_option
@which
def rollback(settings: Settings, meant: Meant, as_json: bool, detach: bool) -> None:
    """Undo a move that was not confirmed. What has its old vectors is searched by them at once."""
    _on_moves(settings, meant, "roll_back", ROLLED_BACK, as_json, watched=not detach)


@embeddings.command()
@json_option
@detach_option
@which
def confirm(settings: Settings, meant: Meant, as_json: bool, detach: bool) -> None:
    """Give up the vectors in the old space. There is no way back but another move."""
    _on_moves(settings, meant, "confirm", CONFIRMED, as_json, watched=not detach)


# --- what is done ------------------------------------------------------------------------------


@asynccontextmanager
async def _moves(settings: Settings) -> AsyncIterator[Moves]:
    from baukasten_core.assembly import open_moves
    from baukasten_core.plugins import PluginHost

    host = PluginHost.discover(disabled=settings.plugins.disabled)
    async with open_moves(settings, host) as moves:
        yield moves


def _act(
    settings: Settings,
    act: Callable[[Moves], Awaitable[list[Place]]],
    as_json: bool,
    *,
    watched: bool,
    nothing: str,
) -> None:
    """Do it, and watch until the worker has done its part."""

    async def run() -> None:
        async with _moves(settings) as moves:
            places = await act(moves)
            last = await watch(moves, places, quiet=as_json) if places and watched else None
            if as_json:
                report = described(await moves.status(), moves.embedders)
                click.echo(json.dumps(report, indent=2))
            else:
                click.echo(outcome(places, last) if places else nothing)
        if any(move.state == "failed" for move in last or ()):
            raise click.ClickException("Mend that, then `baukasten embeddings resume`.")

    try:
        asyncio.run(run())
    except KeyboardInterrupt:
        click.echo("\nIt goes on in the background: `baukasten embeddings status`.", err=True)


async def _report(settings: Settings) -> dict[str, Any]:
    async with _moves(settings) as moves:
        return described(await moves.status(), moves.embedders)
