"""A platform starts, ends and comes back without leaving anything behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess

import httpx
import psutil
import pytest
from baukasten_serve import processes
from baukasten_serve.runtime import Home
from baukasten_serve.testing import Platform

pytestmark = pytest.mark.deployment


def identities(platform: Platform) -> list[tuple[int, float]]:
    return [(process.pid, process.create_time()) for process in platform.family()]


def alive(found: list[tuple[int, float]]) -> list[str]:
    left = []
    for pid, created in found:
        process = processes.find(processes.ProcessId(pid, created))
        if process is not None:
            left.append(f"{pid} {process.name()}")
    return left


def run(platform: Platform, command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        platform.command(command), env=platform.environ(), capture_output=True, text=True
    )


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_a_crash_of_the_driver_is_cleared_up_by_the_next_start_and_a_signal_ends_it_all(
    own_platform: Platform,
) -> None:
    own_platform.start()
    crashed = identities(own_platform)
    os.kill(own_platform.pid, signal.SIGKILL)
    own_platform.wait()
    assert alive(crashed)  # or this test would show nothing

    own_platform.start()
    assert "Clearing up" in own_platform.output
    assert alive(crashed) == []
    assert httpx.get(f"{own_platform.url}/health", timeout=10).status_code == 200

    found = identities(own_platform)
    names = {process.name() for process in own_platform.family()}
    assert {"raylet", "gcs_server", "haproxy", "postgres"} <= names
    assert own_platform.stop(signal.SIGINT) < 10
    assert alive(found) == []
    assert not listens(own_platform.port)
    assert own_platform.wait() == 0


def test_down_clears_up_after_a_crash(
    own_platform: Platform,
) -> None:
    own_platform.start()
    found = identities(own_platform)
    os.kill(own_platform.pid, signal.SIGKILL)
    own_platform.wait()
    done = run(own_platform, "down")
    assert done.returncode == 0, done.stderr
    assert alive(found) == []
    assert Home(own_platform.home).read() is None
    assert "No platform runs" in run(own_platform, "down").stdout


def test_a_second_platform_on_one_home_is_refused_by_name(platform: Platform) -> None:
    done = run(platform, "up")
    assert done.returncode == 1
    assert f"process {platform.pid}" in done.stderr
    assert "BAUKASTEN_HOME" in done.stderr
    assert httpx.get(f"{platform.url}/health", timeout=10).status_code == 200


def test_a_taken_port_is_refused_with_its_holder(own_platform: Platform) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", own_platform.port))
        holder.listen()
        done = run(own_platform, "up")
    assert done.returncode == 1
    assert f"process {os.getpid()}" in done.stderr
    assert "BAUKASTEN_SERVER_PORT=" in done.stderr
    assert not [p for p in psutil.Process().children() if p.name() == "raylet"]
