"""`baukasten eval`: how good the search is on a team's own documents."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from baukasten_core.cli.configuration import config_option, read_settings

if TYPE_CHECKING:
    from baukasten_core.evaluation.pairs import Half, Pairs
    from baukasten_core.evaluation.retrieval import Advance, Progress, Report
    from baukasten_core.settings import Settings


@click.group(name="eval")
def evaluation() -> None:
    """How good the search is on your own documents."""


@evaluation.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--limit", type=click.IntRange(min=1), help="Ask no more than so many queries.")
@click.option(
    "--half",
    type=click.Choice(["odd", "even"]),
    help="Ask every other query (odd: the first, third, ...): tune on one half, report the other.",
)
@click.option(
    "--without-answers",
    is_flag=True,
    help="Also take each query's answers out of the collection: how often does something else "
    "count as relevant?",
)
@click.option("--json", "as_json", is_flag=True, help="Machine-readable result.")
@config_option
def retrieval(
    file: Path,
    limit: int | None,
    half: Half | None,
    without_answers: bool,
    as_json: bool,
    config_path: Path | None,
) -> None:
    """Measure the search, and each part of it alone, on the questions and answers in FILE.

    FILE is JSON: {"docs": [{"id", "title", "text"}], "queries": [{"id", "query"}]}. The right
    answer to a query is the document with its id, or those that it names: "relevant": [ids].

    The documents go into a PostgreSQL that is made for this and gone afterwards, with the embedder
    and the reranker of the settings.
    """
    from baukasten_core.evaluation.pairs import read_pairs

    pairs = read_pairs(file).half(half).first(limit)
    if not pairs.queries:
        raise click.UsageError("No queries are left to ask.")
    # Ended like by Ctrl-C: its PostgreSQL would be left running.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    report = asdict(asyncio.run(_evaluate(read_settings(config_path), pairs, quiet=as_json)))
    if not without_answers:
        del report["nothing_relevant"]
    if as_json:
        click.echo(json.dumps(report, indent=2))
    else:
        _print(report)


async def _evaluate(settings: Settings, pairs: Pairs, *, quiet: bool) -> Report:
    from baukasten_core.evaluation.retrieval import evaluate
    from baukasten_core.evaluation.scratch import scratch_platform
    from baukasten_core.plugins import PluginHost

    host = PluginHost.discover(disabled=settings.plugins.disabled)
    async with scratch_platform(settings, host) as (services, principal):
        with _progress(quiet) as progress:
            return await evaluate(services, principal, pairs, progress)


@contextmanager
def _progress(quiet: bool) -> Iterator[Progress]:
    """A bar on standard error for each part of the work."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
    from rich.progress import Progress as Bars
    from rich.progress import TimeRemainingColumn as Remaining

    columns = (TextColumn("[bold]{task.description}"), BarColumn(), MofNCompleteColumn())
    with Bars(*columns, Remaining(), console=Console(stderr=True), disable=quiet) as bars:

        def begin(what: str, steps: int) -> Advance:
            return partial(bars.advance, bars.add_task(what, total=steps))

        yield begin


def _print(report: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    title = f"{report['queries']} queries, {report['documents']} documents"
    rows = report["measures"]
    table = Table("", *next(iter(rows.values())), title=title)
    for name, measures in rows.items():
        table.add_row(name, *(f"{value:.3f}" for value in measures.values()))
    console = Console()
    console.print(table)
    if nothing := report.get("nothing_relevant"):
        console.print(
            f"Something reaches {nothing['relevant_score']:g} (retrieval.relevant_score) in "
            f"{nothing['with_answers']:.1%} of the queries;\nwith their answers taken out of the "
            f"collection, in {nothing['without_answers']:.1%}, which is the error of "
            '"nothing relevant".',
            highlight=False,
        )
