"""A process that dies under a running platform: no bare 500, nothing lost, and it comes back."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import httpx
import psutil
import pytest
from baukasten_serve import processes
from baukasten_serve.testing import Platform

pytestmark = pytest.mark.deployment


@pytest.fixture
def admin(platform: Platform) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=platform.url, timeout=60) as client:
        form = {"username": platform.admin_email, "password": platform.admin_password}
        token = client.post("/auth/login", data=form).json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        yield client


def replica(platform: Platform, application: str) -> psutil.Process:
    """The process of an application; Ray's title names it."""
    for process in platform.family():
        if processes.describe(process).name.startswith(f"ray::ServeReplica:{application}:"):
            return process
    raise AssertionError(f"no replica of {application}")


def is_replaced(platform: Platform, application: str, killed: psutil.Process) -> bool:
    try:
        return replica(platform, application).pid != killed.pid
    except (AssertionError, psutil.Error):
        return False


def until(condition: object, seconds: float = 60) -> None:
    assert callable(condition)
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come back"
        time.sleep(0.2)


def is_whole(client: httpx.Client) -> bool:
    rows = client.get("/health").json().get("components", [])
    found = [row["status"] for row in rows if row["kind"] == "application"]
    return len(found) == 3 and set(found) == {"ready"}


def test_smoke_is_green(platform: Platform) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "baukasten_serve", "smoke", platform.url],
        capture_output=True,
        text=True,
        timeout=170,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_status_names_every_process_with_its_memory(platform: Platform) -> None:
    done = subprocess.run(
        platform.command("status"), env=platform.environ(), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    for name in ("api", "gateway", "embedder", "worker"):
        assert f"ray::ServeReplica:{name}" in done.stdout
    assert "MiB  in all" in done.stdout


@pytest.mark.parametrize("application", ["embedder", "gateway", "worker"])
def test_a_killed_replica_is_replaced_and_the_rest_goes_on(
    platform: Platform, admin: httpx.Client, application: str
) -> None:
    killed = replica(platform, application)
    killed.send_signal(signal.SIGKILL)
    # The killed one's work is refused for a moment at most, with a sentence and a time.
    answer = admin.post("/v1/embeddings", json={"input": "x"})
    assert answer.status_code in (200, 503), answer.text
    if answer.status_code == 503:
        assert answer.headers["retry-after"]
    assert admin.get("/projects").status_code == 200
    until(lambda: is_replaced(platform, application, killed))
    until(lambda: is_whole(admin))
    assert admin.post("/v1/embeddings", json={"input": "x"}).status_code == 200


def test_requests_go_on_while_the_only_api_replica_dies(
    platform: Platform, admin: httpx.Client
) -> None:
    killed = replica(platform, "api")
    killed.send_signal(signal.SIGKILL)
    statuses = set()
    for _ in range(40):
        answer = admin.get("/projects")
        statuses.add(answer.status_code)
        assert answer.status_code in (200, 502, 503), answer.text
        if answer.status_code != 200:
            assert answer.headers["content-type"] == "application/problem+json", answer.text
            assert answer.headers["retry-after"]
    until(lambda: is_replaced(platform, "api", killed))
    until(lambda: admin.get("/projects").status_code == 200)
    until(lambda: is_whole(admin))


def test_the_embedded_database_comes_back_and_requests_meanwhile_get_503(
    platform: Platform, admin: httpx.Client
) -> None:
    pid = int((platform.home / "postgres/data/postmaster.pid").read_text().splitlines()[0])
    os.kill(pid, signal.SIGKILL)
    answer = admin.get("/projects")
    assert answer.status_code in (200, 503), answer.text
    until(lambda: admin.get("/projects").status_code == 200)
    assert "PostgreSQL ended by itself" in platform.output
    until(lambda: is_whole(admin))
