"""`baukasten models`: what can be asked, and fetching more."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.progress import Progress


@click.group()
def models() -> None:
    """The language models of a running platform."""


@models.command("list")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
def list_models(as_json: bool) -> None:
    """The models that can be asked now, and who does not answer."""
    from baukasten_core.cli.client import Client

    with Client() as client:
        listing = client.get("/llm/models")
    if as_json:
        click.echo(json.dumps(listing, indent=2))
        return
    for model in listing["models"]:
        click.echo(_line(model))
    for absent in listing["unavailable"]:
        click.echo(f"{absent['provider']}: {absent['reason']}", err=True)


@models.command()
@click.argument("model")
@click.option("--provider", help="Which configured instance; by default the first that can.")
def pull(model: str, provider: str | None) -> None:
    """Have its server fetch MODEL; for admins.

    Run again after an interruption: it goes on from there.
    """
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    from baukasten_core.cli.client import Client

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    body = {"model": model, **({"provider": provider} if provider else {})}
    console = Console(stderr=True)
    with Client() as client, Progress(*columns, TimeRemainingColumn(), console=console) as bar:
        _follow(client.stream("POST", "/llm/models/pull", json=body), model, bar)
    click.echo(f"{model} is there.")


def _follow(events: Any, model: str, bar: Progress) -> None:
    task = bar.add_task(model, total=None)
    for event, data in events:
        if event == "progress":
            bar.update(task, completed=data["done"], total=data["total"])
        elif event == "error":
            raise click.ClickException(data["detail"])
        elif event == "end":
            return
    raise click.ClickException("The connection broke off; run it again to go on.")


def _line(model: dict[str, Any]) -> str:
    notes = [
        model["region"],
        f"{model['context']} tokens" if model["context"] else "",
        "in memory" if model["loaded"] else "",
        "" if model["allowed"] else "your data may not go there",
    ]
    return f"{model['provider']}/{model['name']}  ({', '.join(filter(None, notes))})"
