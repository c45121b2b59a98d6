"""`baukasten status`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click
import httpx
import psutil

from baukasten_serve.commands.common import config_option, local_url, read

NOT_RUNNING = 3


@click.command()
@config_option
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def status(config_path: Path | None, as_json: bool) -> None:
    """What runs with this home: address, health, processes and their memory."""
    from baukasten_serve import processes
    from baukasten_serve.runtime import Home

    _, settings = read(config_path)
    record = Home(settings.home).read()
    supervisor = processes.find(record.supervisor) if record else None
    if record is None or supervisor is None:
        left = " (one was killed; `baukasten down` clears up)" if record else ""
        click.echo(
            json.dumps({"running": False})
            if as_json
            else f"No platform runs with the home {settings.home}{left}"
        )
        sys.exit(NOT_RUNNING)
    state = {
        "running": True,
        "url": record.url,
        "metrics": record.metrics,
        "pid": supervisor.pid,
        "health": health(local_url(settings)),
        "processes": memory([supervisor, *processes.family(supervisor.pid)]),
    }
    click.echo(json.dumps(state, indent=1) if as_json else _text(state))


def health(url: str) -> dict[str, Any]:
    """What `/health` answers, or why it does not."""
    try:
        answer: dict[str, Any] = httpx.get(f"{url}/health", timeout=10).json()
        return answer
    except (httpx.HTTPError, ValueError) as error:
        return {"status": f"no answer ({type(error).__name__})"}


def memory(found: list[psutil.Process]) -> list[dict[str, Any]]:
    """Each process with the memory it alone accounts for, in MiB; shared pages are divided."""
    from baukasten_serve.processes import describe

    rows = []
    for process in found:
        try:
            name, used = describe(process).name, process.memory_full_info()
        except psutil.Error:
            continue
        size = getattr(used, "pss", used.rss)
        rows.append({"pid": process.pid, "name": name, "mib": round(size / 2**20, 1)})
    return sorted(rows, key=lambda row: -row["mib"])


def _text(state: dict[str, Any]) -> str:
    found = state["health"]
    lines = [f"{state['url']} is {found['status']} (process {state['pid']})"]
    for row in found.get("components", ()):
        reason = f": {row['reason']}" if row.get("reason") else ""
        lines.append(f"  {row['kind']:12} {row['name']:20} {row['status']}{reason}")
    lines += ["", f"metrics for Prometheus: {state['metrics']}", ""]
    total = sum(row["mib"] for row in state["processes"])
    lines += [
        f"  {row['mib']:8.1f} MiB  {row['pid']:>7}  {row['name']}" for row in state["processes"]
    ]
    return "\n".join([*lines, f"  {total:8.1f} MiB  in all"])
