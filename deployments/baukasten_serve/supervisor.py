"""`baukasten up`: everything a platform needs on one machine, started, watched and ended.

This process holds the home's lock and the database's handle and never imports Ray. It adopts
every orphan, so nothing that was started here can get away from it.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import IO, Any

import psutil

from baukasten_core.errors import StartupRefused
from baukasten_core.settings import Settings
from baukasten_serve import processes
from baukasten_serve.config import ServeConfig
from baukasten_serve.database import Database, ensure_admin, migrate_database, open_database
from baukasten_serve.environment import choose_ports, inherited, local_environment
from baukasten_serve.ports import require_free
from baukasten_serve.runtime import Home, Record, fresh_ray_folder, runtime_dir

Say = Callable[[str], None]

RECORD_EVERY = 5.0
LOOK_EVERY = 0.5


class Stop(BaseException):
    """SIGINT, SIGTERM or SIGHUP: end everything. Not an Exception, so that nothing eats it."""


class Supervisor:
    """One platform from its start to its end."""

    def __init__(self, settings: Settings, config: ServeConfig, say: Say) -> None:
        self._settings = settings
        self._config = config
        self._say = say
        self._home = Home(settings.home)
        self._run_id = uuid.uuid4().hex
        self._metrics = ""
        self._database: Database | None = None
        self._launcher: subprocess.Popen[str] | None = None
        self._ray_address = ""
        self._began = time.monotonic()

    def run(self) -> None:
        """Start, watch until a signal comes, end everything. Blocks.

        Raises:
            StartupRefused: it could not start, or a part that can't be replaced ended.
        """
        if not self._home.lock():
            raise StartupRefused(*_already_running(self._home.read(), self._settings))
        self._clear_leftovers()
        server = self._settings.server
        require_free(server.host, server.port)
        processes.adopt_orphans()
        with _signals_raise_stop():
            try:
                self._start()
                self._watch()
            except Stop:
                pass
            finally:
                _ignore_signals()
                self._end()

    # --- start ----------------------------------------------------------------------------

    def _start(self) -> None:
        talk = self._launch()
        self._database = open_database(self._settings)
        self._order(self._launch_order())
        self._progress("PostgreSQL runs")
        self._migrate(self._database)
        self._order({"deploy": True})
        for event in _events(talk):
            self._follow(event)
        self._write_record()
        self._say(f"Baukasten runs at {self._settings.public_url} (stop it with Ctrl-C)")

    def _launch(self) -> IO[str]:
        logs = self._settings.home / "logs"
        logs.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (logs / "launcher.log").open("w") as log:
            self._launcher = subprocess.Popen(
                [sys.executable, "-m", "baukasten_serve.launcher"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=inherited(os.environ),
                # Ctrl-C in a terminal is for us alone; we end the others in order.
                start_new_session=True,
            )
        assert self._launcher.stdout is not None
        return self._launcher.stdout

    def _launch_order(self) -> dict[str, Any]:
        assert self._database is not None
        settings, ports = self._settings, choose_ports()
        self._metrics = f"http://127.0.0.1:{ports.metrics}/metrics"
        environment = local_environment(
            settings.home, ports, run=self._run_id, bind=settings.server.host
        )
        return {
            "environment": {**environment, **self._database.environment()},
            "config": str(self._config.path.resolve()),
            "port": settings.server.port,
            "agent_port": ports.agent,
            "metrics_port": ports.metrics,
            "ray_folder": str(fresh_ray_folder(runtime_dir(settings.home))),
        }

    def _order(self, order: Mapping[str, Any]) -> None:
        assert self._launcher is not None
        assert self._launcher.stdin is not None
        with suppress(BrokenPipeError):  # its last words are still in the pipe: see `_follow`
            self._launcher.stdin.write(json.dumps(order) + "\n")
            self._launcher.stdin.flush()

    def _migrate(self, database: Database) -> None:
        from baukasten_core.plugins import PluginHost

        host = PluginHost.discover(disabled=self._settings.plugins.disabled)
        quarantined = migrate_database(database, host)
        self._progress("database is up to date")
        for name, reason in quarantined.items():
            self._say(f"  ! plugin `{name}` is quarantined: {reason}")
        if admin := ensure_admin(database):
            self._say(f"  First admin: {admin.email}  password: {admin.password}")
            self._say("  (generated now and shown only this once)")

    def _follow(self, event: Mapping[str, Any]) -> None:
        match event["event"]:
            case "ray":
                self._ray_address = event["address"]
                self._write_record()
                self._progress("Ray runs")
            case "serve":
                self._progress("Serve and HAProxy run")
            case "running":
                self._progress(f"application `{event['application']}` runs")
            case "degraded":
                self._say(f"  ! application `{event['application']}`: {event['reason']}")
            case "failed":
                hint = event["hint"] or f"Logs: {self._settings.home / 'logs'}"
                raise StartupRefused(event["detail"], hint=hint)
            case "ended":
                raise StartupRefused(
                    "Ray's launcher ended before the platform was up",
                    hint=f"Its log: {self._settings.home / 'logs' / 'launcher.log'}",
                )

    def _progress(self, what: str) -> None:
        self._say(f"  {time.monotonic() - self._began:5.1f} s  {what}")

    # --- watch ----------------------------------------------------------------------------

    def _watch(self) -> None:
        vital = [p for p in processes.family() if p.name() in ("gcs_server", "raylet")]
        written = time.monotonic()
        while True:
            time.sleep(LOOK_EVERY)
            processes.reap()
            if ended := [process for process in vital if not processes.is_alive(process)]:
                raise StartupRefused(
                    f"Ray ended by itself (process {ended[0].pid})",
                    hint=f"Logs: {runtime_dir(self._settings.home) / 'ray' / 'session_latest'}",
                )
            self._keep_database()
            if time.monotonic() - written > RECORD_EVERY:
                self._write_record()
                written = time.monotonic()

    def _keep_database(self) -> None:
        """The embedded server that died comes back; requests meanwhile got 503."""
        server = self._database.server if self._database else None
        if server is None or (server.pid is not None and psutil.pid_exists(server.pid)):
            return
        self._say("  ! PostgreSQL ended by itself; starting it again")
        self._database = open_database(self._settings)

    def _write_record(self) -> None:
        self._home.write(
            Record(
                run=self._run_id,
                metrics=self._metrics,
                supervisor=processes.describe(psutil.Process()),
                url=self._settings.public_url,
                ray_address=self._ray_address,
                processes=processes.snapshot(),
            )
        )

    # --- end ------------------------------------------------------------------------------

    def _end(self) -> None:
        began = time.monotonic()
        self._say("Stopping...")
        server = self._database.server if self._database else None
        left = processes.end(_without_postgres(processes.family()))
        if server is not None:
            with suppress(subprocess.CalledProcessError):  # then it is killed, with what is left
                server.stop()
        left = processes.end(processes.family())
        if left:
            self._say(f"  ! still there: {', '.join(str(process.pid) for process in left)}")
        else:
            self._home.clear()
        self._say(f"Stopped in {time.monotonic() - began:.1f} s")

    def _clear_leftovers(self) -> None:
        record = self._home.read()
        if record is None:
            return
        left = processes.left_behind(record)
        if left:
            self._say(f"Clearing up {len(left)} processes of a platform that was killed")
        still = processes.end(left, timeout=5.0)
        if still:
            pids = ", ".join(str(process.pid) for process in still)
            raise StartupRefused(f"processes of an earlier platform can't be ended: {pids}")
        self._home.clear()


def _without_postgres(family: list[psutil.Process]) -> list[psutil.Process]:
    return [process for process in family if not processes.is_postgres(process)]


def _events(talk: IO[str]) -> Iterator[Mapping[str, Any]]:
    """The launcher's words, up to the one that says that all is well."""
    for line in talk:
        event: dict[str, Any] = json.loads(line)
        if event["event"] == "deployed":
            return
        yield event
    yield {"event": "ended"}


def _already_running(record: Record | None, settings: Settings) -> tuple[str, ...]:
    who = f" (process {record.supervisor.pid}, {record.url})" if record else ""
    return (
        f"a platform with the home {settings.home} already runs{who}; stop it with "
        "`baukasten down`, or give this one its own: BAUKASTEN_HOME=/another/folder",
    )


@contextmanager
def _signals_raise_stop() -> Iterator[None]:
    def stop(number: int, frame: object) -> None:
        _ignore_signals()
        raise Stop

    for number in STOPPING:
        signal.signal(number, stop)
    yield


def _ignore_signals() -> None:
    """From here on we are ending; a second Ctrl-C must not leave half of it."""
    for number in STOPPING:
        signal.signal(number, signal.SIG_IGN)


STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
