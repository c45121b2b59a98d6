"""A platform comes back after a crash, shows one port to the network, and leaves nothing behind.

How it ends on a signal is checked where every deployment test ends: in `conftest.py`.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import httpx
import psutil
import pytest
from baukasten_serve import processes
from baukasten_serve.runtime import Home, ProcessId
from baukasten_serve.testing import Platform, free_port

pytestmark = pytest.mark.deployment

OURS, THEIRS = "198.51.100.1", "198.51.100.2"  # TEST-NET-2


@pytest.fixture(scope="module")
def stranger() -> Iterator[str | None]:
    """A network namespace that reaches this machine by a cable of its own; None if impossible."""
    name = f"bk{os.getpid() % 10000}"
    setup = [
        ["ip", "netns", "add", name],
        ["ip", "link", "add", f"{name}a", "type", "veth", "peer", "name", f"{name}b"],
        ["ip", "link", "set", f"{name}b", "netns", name],
        ["ip", "addr", "add", f"{OURS}/24", "dev", f"{name}a"],
        ["ip", "link", "set", f"{name}a", "up"],
        ["ip", "-n", name, "addr", "add", f"{THEIRS}/24", "dev", f"{name}b"],
        ["ip", "-n", name, "link", "set", f"{name}b", "up"],
    ]
    if os.geteuid() != 0 or shutil.which("ip") is None:
        yield None
        return
    try:
        done = [subprocess.run(command, capture_output=True).returncode for command in setup]
        yield None if any(done) else name
    finally:
        subprocess.run(["ip", "netns", "del", name], capture_output=True)
        subprocess.run(["ip", "link", "del", f"{name}a"], capture_output=True)


@dataclass
class Reborn:
    """A platform that was killed and started again, and what the first one had run."""

    platform: Platform
    crashed: tuple[ProcessId, ...]
    left: list[str]


@pytest.fixture(scope="module")
def reborn(stranger: str | None) -> Iterator[Reborn]:
    with Platform.temporary(OURS if stranger else "127.0.0.1") as platform:
        platform.start()
        crashed = processes.snapshot(platform.pid)
        os.kill(platform.pid, signal.SIGKILL)
        platform.wait()
        crashed += handed_on(platform)
        left = alive(crashed)
        yield Reborn(platform.start(), crashed, left)


def handed_on(platform: Platform) -> tuple[ProcessId, ...]:
    """Whom HAProxy has handed its port to since: it does so whenever its configuration changes."""
    record = Home(platform.home).read()
    assert record is not None
    found = [processes.describe(process) for process in processes.left_behind(record)]
    return tuple(process for process in found if process.name == "haproxy")


def alive(found: Iterable[ProcessId]) -> list[str]:
    return [f"{one.pid} {one.name}" for one in found if processes.find(one)]


def run(platform: Platform, command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        platform.command(command), env=platform.environ(), capture_output=True, text=True
    )


@pytest.mark.slow  # Ray is given time to end, and what is left is cleared up
def test_a_crash_of_the_driver_is_cleared_up_by_the_next_start(reborn: Reborn) -> None:
    names = {name.split()[1] for name in reborn.left}
    assert {"raylet", "gcs_server", "haproxy", "postgres"} <= names  # or this shows nothing
    assert "Clearing up" in reborn.platform.output
    assert alive(reborn.crashed) == []
    assert httpx.get(f"{reborn.platform.url}/health", timeout=10).status_code == 200


KNOCK = """
import socket, sys
for port in map(int, sys.argv[2:]):
    with socket.socket() as probe:
        probe.settimeout(2)
        if probe.connect_ex((sys.argv[1], port)) == 0:
            print(port)
"""

ASK = """
import sys, urllib.request, urllib.error
for path in ("/health", "/projects", "/v1/models"):
    try:
        status = urllib.request.urlopen(sys.argv[1] + path, timeout=20).status
    except urllib.error.HTTPError as error:
        status = error.code
    print(f"{path}={status}")
"""


def from_elsewhere(namespace: str, script: str, *arguments: str) -> list[str]:
    inside = ["ip", "netns", "exec", namespace, sys.executable, "-c", script, *arguments]
    return subprocess.run(inside, capture_output=True, text=True, check=True).stdout.split()


def test_from_another_network_only_the_http_port_answers(
    reborn: Reborn, stranger: str | None
) -> None:
    if stranger is None:
        pytest.skip("needs root and iproute2 to make a network namespace")
    platform, control = reborn.platform, free_port()
    with socket.socket() as listener:
        listener.bind((OURS, control))
        listener.listen()
        ports = {port for _, port in platform.listening()}
        deadline = time.monotonic() + 20
        while platform.port not in ports:  # HAProxy is just handing it on to its next process
            assert time.monotonic() < deadline, ports
            ports = {port for _, port in platform.listening()}
        assert len(ports) > 10
        asked = [str(port) for port in sorted({*ports, control})]
        answered = {int(port) for port in from_elsewhere(stranger, KNOCK, OURS, *asked)}
    assert answered == {platform.port, control}
    said = from_elsewhere(stranger, ASK, platform.url)
    assert said == ["/health=200", "/projects=401", "/v1/models=401"]


def test_while_the_only_api_replica_is_replaced_it_is_said_when_to_come_back(
    reborn: Reborn,
) -> None:
    (killed,) = reborn.platform.replicas("api")
    killed.kill()
    answers = []
    deadline = time.monotonic() + 60
    while not answers or answers[-1].status_code != 401:
        assert time.monotonic() < deadline, "it does not come back"
        answers.append(httpx.get(f"{reborn.platform.url}/projects", timeout=60))
        time.sleep(0.1)
    for answer in answers[:-1]:
        assert answer.status_code in (502, 503), answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        assert int(answer.headers["retry-after"]) > 0
    assert killed.pid not in {process.pid for process in reborn.platform.replicas("api")}


def test_down_clears_up_after_a_crash(reborn: Reborn) -> None:
    found = processes.snapshot(reborn.platform.pid)
    os.kill(reborn.platform.pid, signal.SIGKILL)
    reborn.platform.wait()
    assert alive(found)
    done = run(reborn.platform, "down")
    assert done.returncode == 0, done.stderr
    assert alive(found) == []
    assert Home(reborn.platform.home).read() is None
    assert "No platform runs" in run(reborn.platform, "down").stdout


def test_a_second_platform_on_one_home_is_refused_by_name(platform: Platform) -> None:
    done = run(platform, "up")
    assert done.returncode == 1
    assert f"process {platform.pid}" in done.stderr
    assert "BAUKASTEN_HOME" in done.stderr
    assert httpx.get(platform.url, timeout=60).status_code == 200


def test_a_taken_port_is_refused_with_its_holder() -> None:
    with Platform.temporary() as platform, socket.socket() as holder:
        holder.bind(("127.0.0.1", platform.port))
        holder.listen()
        done = run(platform, "up")
    assert done.returncode == 1
    assert f"process {os.getpid()}" in done.stderr
    assert "BAUKASTEN_SERVER_PORT=" in done.stderr
    assert not [p for p in psutil.Process().children() if p.name() == "raylet"]
