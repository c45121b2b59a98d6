"""A process that dies under a running platform: no bare 500, nothing lost, and it comes back."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator

import httpx
import pytest
from baukasten_serve.testing import Platform

pytestmark = pytest.mark.deployment


@pytest.fixture
def admin(platform: Platform) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=platform.url, timeout=60) as client:
        form = {"username": platform.admin_email, "password": platform.admin_password}
        token = client.post("/auth/login", data=form).json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        yield client


def kill_one(platform: Platform, application: str) -> Callable[[], bool]:
    """Whether there are as many replicas as before without it."""
    before = platform.replicas(application)
    before[0].send_signal(signal.SIGKILL)

    def is_replaced() -> bool:
        now = platform.replicas(application)
        return before[0] not in now and len(now) == len(before)

    return is_replaced


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
    is_replaced = kill_one(platform, application)
    # The killed one's work is refused for a moment at most, with a sentence and a time.
    answer = admin.post("/v1/embeddings", json={"input": "x"})
    assert answer.status_code in (200, 503), answer.text
    if answer.status_code == 503:
        assert answer.headers["retry-after"]
    assert admin.get("/projects").status_code == 200
    until(is_replaced)
    until(lambda: is_whole(admin))
    assert admin.post("/v1/embeddings", json={"input": "x"}).status_code == 200


def test_requests_go_on_while_one_of_two_api_replicas_dies(
    platform: Platform, admin: httpx.Client
) -> None:
    """What may be sent twice is: to the other one."""
    is_replaced = kill_one(platform, "api")
    assert [admin.get("/projects").status_code for _ in range(40)] == [200] * 40
    until(is_replaced)
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
