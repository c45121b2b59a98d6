"""A real platform for tests: `baukasten up` in a folder of its own, as a child process.

For plugin authors too: `with Platform.temporary() as platform: ...`.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from baukasten_core.db.embedded import start_embedded
from baukasten_core.settings import load_settings
from baukasten_serve import processes
from baukasten_serve.config import default_path
from baukasten_serve.environment import OUR_PORTS, free_ports
from baukasten_serve.runtime import Home, runtime_dir

START_SECONDS = 240


@dataclass
class Platform:
    """A platform in a folder of its own, run by a child process.

    `url` is its address; `admin_email` and `admin_password` are the first admin's, as printed.
    """

    home: Path
    port: int
    host: str = "127.0.0.1"
    environment: Mapping[str, str] = field(default_factory=dict)
    config: Path = field(default_factory=default_path)
    admin_email: str = ""
    admin_password: str = ""
    seconds_to_start: float = 0.0

    @classmethod
    @contextmanager
    def temporary(cls, host: str = "127.0.0.1") -> Iterator[Platform]:
        """A platform in a temporary folder, not started yet; gone at the end."""
        with tempfile.TemporaryDirectory(prefix="bk-test-") as folder:
            platform = cls(Path(folder), free_port(), host)
            try:
                yield platform
            finally:
                platform.kill()
                shutil.rmtree(runtime_dir(platform.home), ignore_errors=True)

    def __post_init__(self) -> None:
        self._lines: list[str] = []
        self._process: subprocess.Popen[str] | None = None
        self._settled = threading.Event()

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    @property
    def output(self) -> str:
        """What `baukasten up` has printed so far."""
        return "".join(self._lines)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "baukasten_serve", *arguments, "--config", str(self.config)]

    def environ(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("BAUKASTEN_", "RAY_"))}
        own = {
            "BAUKASTEN_HOME": str(self.home),
            "BAUKASTEN_SERVER_PORT": str(self.port),
            "BAUKASTEN_SERVER_HOST": self.host,
        }
        return {**kept, **own, **self.environment}

    def start(self) -> Platform:
        """Start and wait until it says its address; fails with everything it said and logged."""
        began = time.monotonic()
        self._settled.clear()
        self._lines.clear()
        self._process = subprocess.Popen(
            self.command("up"),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=self.environ(),
        )
        threading.Thread(target=self._read, args=(self._process,), daemon=True).start()
        self._settled.wait(START_SECONDS)
        if "Baukasten runs at" not in self.output or self._process.poll() is not None:
            logs = self.logs()
            self.kill()
            raise AssertionError(f"the platform did not start:\n{self.output}\n{logs}")
        self.seconds_to_start = time.monotonic() - began
        if found := re.search(r"First admin: (\S+)\s+password: (\S+)", self.output):
            self.admin_email, self.admin_password = found.groups()
        return self

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self._lines.append(line)
            if "Baukasten runs at" in line:
                self._settled.set()
        self._settled.set()

    def owner_url(self) -> str:
        """The superuser's URL of its embedded database, for what no route can do or tell."""
        password = load_settings({"home": self.home}).database.embedded_password
        assert password is not None
        return start_embedded(self.home / "postgres", password.get_secret_value()).url

    def wait(self, timeout: float = 15) -> int:
        """The exit status of `baukasten up`."""
        assert self._process is not None
        return self._process.wait(timeout)

    def stop(self, number: int = signal.SIGTERM) -> float:
        """Ask it to end as an operator does; returns how long that took."""
        assert self._process is not None
        began = time.monotonic()
        self._process.send_signal(number)
        self._process.wait(15)
        return time.monotonic() - began

    def kill(self) -> None:
        """Whatever state it is in: gone, with all it started."""
        record = Home(self.home).read()
        if self._process is not None and self._process.poll() is None:
            family = processes.family(self._process.pid)
            self._process.kill()
            self._process.wait(5)
            processes.end(family)
        if record is not None:
            processes.end(processes.left_behind(record))

    def family(self) -> list[psutil.Process]:
        """Every process it runs, itself included."""
        return [psutil.Process(self.pid), *processes.family(self.pid)]

    def replicas(self, application: str = "") -> list[psutil.Process]:
        """The processes of an application, or of all; Ray's title names them."""
        title = f"ray::ServeReplica:{application}:" if application else "ray::ServeReplica:"
        found = []
        for process in self.family():
            with suppress(psutil.Error):
                if processes.describe(process).name.startswith(title):
                    found.append(process)
        return found

    def listening(self) -> dict[tuple[str, int], str]:
        """Every listening socket of its processes: (address, port), and the process's name."""
        found = {}
        for process in self.family():
            try:
                connections = process.net_connections("inet")
            except psutil.Error:
                continue
            for connection in connections:
                if connection.status == psutil.CONN_LISTEN and connection.laddr:
                    found[connection.laddr[0], connection.laddr[1]] = process.name()
        return found

    def logs(self, lines: int = 25) -> str:
        """The ends of the logs that tell why a start failed."""
        session = runtime_dir(self.home) / "ray" / "session_latest" / "logs"
        files = [*(self.home / "logs").glob("*.log"), *session.glob("serve/*.log")]
        files += [*session.glob("worker-*.err"), *session.glob("*.err")]
        parts = []
        for path in files:
            text = path.read_text(errors="replace").strip().splitlines()[-lines:]
            if text:
                parts.append(f"--- {path}\n" + "\n".join(text))
        return "\n".join(parts)


def free_port() -> int:
    """One that stays free until a test uses it, and that no platform chooses."""
    return free_ports(1, range(10_000, OUR_PORTS.start))[0]
