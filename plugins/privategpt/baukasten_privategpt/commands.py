"""`baukasten ask "..." --project NAME`: an answer with its citations, as it is written."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console

    from baukasten_core.api import Client

NAME = "privategpt"


@click.command()
@click.argument("question")
@click.option("--project", required=True, help="Name or id of a PrivateGPT project.")
@click.option("--conversation", help="Id of the conversation that this goes on with.")
@click.option("--provider", help="A configured LLM instance.")
@click.option("--model", default="", help="One of its models.")
@click.option("--limit", default=6, show_default=True, help="Passages that are looked at.")
@click.option("--json", "as_json", is_flag=True, help="The whole answer as JSON.")
def ask(
    question: str,
    project: str,
    conversation: str | None,
    provider: str | None,
    model: str,
    limit: int,
    as_json: bool,
) -> None:
    """Ask the documents of a project. What it says is cited, and the citations are checked."""
    from baukasten_core.api import Client

    body: dict[str, Any] = {"question": question, "model": model, "limit": limit}
    body |= {"conversation_id": conversation} if conversation else {}
    body |= {"provider": provider} if provider else {}
    with Client() as client:
        url = f"/{NAME}/projects/{client.project(project)['id']}/ask"
        if as_json:
            click.echo(json.dumps(client.post(url, body), indent=2, ensure_ascii=False))
            return
        answer = _stream(client, url, body)
    sys.exit(0 if answer else 1)


def _stream(client: Client, url: str, body: dict[str, Any]) -> dict[str, Any] | None:
    """Print the answer as it comes; None where it broke off."""
    from rich.console import Console

    console = Console(highlight=False)
    for event, data in client.stream("POST", url, json={**body, "stream": True}):
        if event == "delta":
            console.print(data["text"], end="", markup=False)
        elif event == "error":
            console.print()
            click.echo(f"Error: {data['detail']}", err=True)
            return None
        elif event == "done":
            console.print()
            _sources(console, data)
            answer: dict[str, Any] = data
            return answer
    click.echo("Error: the answer broke off before its end.", err=True)
    return None


def _sources(console: Console, answer: dict[str, Any]) -> None:
    from rich.markup import escape

    for item in answer["citations"]:
        page = f", page {item['page']}" if item["page"] else ""
        mark = "" if item["verified"] else " [red](not found in the document)[/]"
        quote = escape(" ".join(item["quote"].split()))
        title = escape(item["title"])
        console.print(f"\n\\[{item['number']}] [bold]{title}[/]{page}{mark}\n    [dim]“{quote}”[/]")
    if answer["found"] and not answer["grounded"]:
        console.print("\n[yellow]Nothing in this answer could be checked against a document.[/]")
    how = {
        "extractive": "Quoted word for word: no language model answers here.",
        "none": "No language model was asked.",
        "llm": f"{answer['model']} on {answer['provider']} ({answer['region']})",
    }
    console.print(f"\n[dim]{escape(how[answer['method']])}[/]")
    console.print(f"[dim]Go on with --conversation {answer['conversation_id']}[/]")
