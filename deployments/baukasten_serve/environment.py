"""The environment Ray, Serve and HAProxy need: safe, fast, and apart from other platforms.

Ray reads all of this from environment variables when its processes start, so it is also what an
operator's own cluster needs (`baukasten ray-env` prints it).
"""

from __future__ import annotations

import os
import random
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from baukasten_serve.haproxy.wrapper import BIND
from baukasten_serve.runtime import Home, ensure_token, runtime_dir

RUN_ID = "_BAUKASTEN_RUN"
"""Environment variable that every process of one platform inherits."""

LOOPBACK_ONLY = "_BAUKASTEN_LOOPBACK"
"""Environment variable: set where all of Ray runs on this machine."""

OUR_PORTS = range(20_000, 32_000)
"""Below those that a kernel gives to whoever asks for any: nobody takes one between our choice and
its use, as Ray's own processes would."""

NEVER_INHERITED = (
    "RAY_ADDRESS",
    "RAY_AUTH_TOKEN",
    "RAY_SERVE_DEFAULT_HTTP_HOST",
    "BAUKASTEN_DATABASE_URL",
)
"""Variables of the caller that would lead our Ray elsewhere, or give it more than it needs."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Ports on loopback that Ray can't choose for itself."""

    fallback_proxy: int
    replicas: range
    agent: int
    metrics: int


def choose_ports() -> Ports:
    """Free ones, so that several platforms run side by side."""
    stretch = free_ports(67)
    return Ports(
        fallback_proxy=stretch[0], agent=stretch[1], metrics=stretch[2], replicas=stretch[3:]
    )


def secure_environment(home: Path) -> dict[str, str]:
    """What every Ray process of a platform needs, on one machine or many."""
    files = Home(home)
    folder = runtime_dir(home)
    return {
        # Without a token, whoever reaches one of Ray's ports can run code here.
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(ensure_token(files.token)),
        "RAY_USAGE_STATS_ENABLED": "0",
        # Measured: a health route went from 229 to 1,583 requests/s with these two.
        "RAY_SERVE_ENABLE_HA_PROXY": "1",
        "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
        "RAY_SERVE_HAPROXY_BINARY_PATH": str(write_launcher(folder)),
        "RAY_SERVE_HAPROXY_CONFIG_FILE_LOC": str(folder / "haproxy.cfg"),
        "RAY_SERVE_HAPROXY_SOCKET_PATH": str(folder / "admin.sock"),
        "RAY_SERVE_HAPROXY_METRICS_SOCKET_PATH": str(folder / "metrics.sock"),
        "RAY_SERVE_HAPROXY_SERVER_STATE_BASE": str(folder),
        "RAY_SERVE_HAPROXY_SERVER_STATE_FILE": str(folder / "server-state"),
        "RAY_SERVE_HAPROXY_NBTHREAD": str(min(4, os.cpu_count() or 1)),
        # What is not in this buffer can't be sent again when a replica dies: a few hundred texts
        # for the embedder are. It is taken only while a request is under way.
        "RAY_SERVE_HAPROXY_TUNE_BUFSIZE": str(256 * 1024),
        # How often the controller looks at everything: ten times a second is 5 % of a core, idle.
        "RAY_SERVE_CONTROL_LOOP_INTERVAL_S": "0.5",
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
        "BAUKASTEN_HOME": str(home),
    }


def local_environment(home: Path, ports: Ports, *, run: str, bind: str) -> dict[str, str]:
    """The environment of a platform whose Ray is all on this machine: loopback only."""
    return {
        **secure_environment(home),
        RUN_ID: run,
        LOOPBACK_ONLY: "1",
        BIND: bind,
        # Ray's switch for machines that are no cluster: every port on loopback.
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
        "RAY_SERVE_FALLBACK_PROXY_HTTP_PORT": str(ports.fallback_proxy),
        "RAY_SERVE_DIRECT_INGRESS_MIN_HTTP_PORT": str(ports.replicas.start),
        "RAY_SERVE_DIRECT_INGRESS_MAX_HTTP_PORT": str(ports.replicas.stop),
    }


def inherited(environment: Mapping[str, str]) -> dict[str, str]:
    """The caller's environment as Ray may have it."""
    return {name: value for name, value in environment.items() if name not in NEVER_INHERITED}


def write_launcher(folder: Path) -> Path:
    """Ray wants an executable file; this one runs the wrapper with this very Python."""
    path = folder / "haproxy"
    packages = Path(__file__).parents[1]
    text = (
        "#!/bin/sh\n"
        f'PYTHONPATH="{packages}" exec "{sys.executable}" -m baukasten_serve.haproxy.wrapper "$@"\n'
    )
    if not path.exists() or path.read_text() != text:
        scratch = path.with_suffix(".new")
        scratch.write_text(text)
        scratch.chmod(0o700)
        scratch.replace(path)
    return path


def free_ports(length: int, among: range = OUR_PORTS) -> range:
    """A stretch in which nothing listens now."""
    for _ in range(50):
        start = random.randrange(among.start, among.stop - length)  # noqa: S311
        stretch = range(start, start + length)
        if all(_is_free(port) for port in stretch):
            return stretch
    return among[-length:]


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
