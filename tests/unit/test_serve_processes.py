"""Processes are told apart by start time and an inherited id, never by a name."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import uuid
from pathlib import Path

import psutil
import pytest
from baukasten_serve import processes
from baukasten_serve.environment import RUN_ID, choose_ports, inherited, secure_environment
from baukasten_serve.ports import require_free
from baukasten_serve.runtime import Home, ProcessId, Record, ensure_token, runtime_dir

from baukasten_core.errors import StartupRefused

SLEEP = "import time; print('up', flush=True); time.sleep(60)"
PARENT = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {SLEEP!r}])"


def started(code: str = SLEEP, **environment: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
        start_new_session=True,
    )
    assert process.stdout is not None
    process.stdout.readline()
    return process


def record(run: str, *found: ProcessId) -> Record:
    return Record(run, ProcessId(1, 0.0), "http://127.0.0.1:1", processes=found)


def test_a_number_that_another_process_has_now_is_left_alone() -> None:
    process = started()
    try:
        real = processes.describe(psutil.Process(process.pid))
        assert processes.find(real) is not None
        earlier = ProcessId(real.pid, real.created - 100)
        assert processes.find(earlier) is None
        assert processes.left_behind(record("unknown", earlier)) == []
    finally:
        process.kill()
        process.wait()
    assert processes.find(real) is None


def test_what_a_killed_platform_left_is_found_by_record_by_family_and_by_its_id() -> None:
    run = uuid.uuid4().hex
    recorded, marked = started(PARENT), started(**{RUN_ID: run})
    stranger = started()
    try:
        grandchild = psutil.Process(recorded.pid).children()[0].pid
        known = processes.describe(psutil.Process(recorded.pid))
        left = processes.left_behind(record(run, known))
        assert {process.pid for process in left} == {recorded.pid, grandchild, marked.pid}
        assert processes.end(left) == []
        assert stranger.poll() is None
    finally:
        for process in (recorded, marked, stranger):
            process.kill()
            process.wait()


def test_the_record_survives_and_the_lock_is_one_platforms(tmp_path: Path) -> None:
    home, other = Home(tmp_path), Home(tmp_path)
    assert home.lock()
    assert not other.lock()
    written = record("run", ProcessId(7, 1.5, "raylet"))
    home.write(written)
    assert other.read() == written
    home.clear()
    assert other.read() is None


def test_the_token_is_made_once_for_its_owner(tmp_path: Path) -> None:
    path = ensure_token(tmp_path / "home" / "ray_token")
    token = path.read_text()
    assert len(token) >= 32
    path.chmod(0o644)
    assert ensure_token(path).read_text() == token
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_folder_for_sockets_is_short_private_and_always_the_same(tmp_path: Path) -> None:
    folder = runtime_dir(tmp_path)
    try:
        assert folder == runtime_dir(tmp_path)
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        # Ray adds the node's id (56 characters), HAProxy a suffix; Linux takes 107.
        assert len(f"{folder}/{'0' * 56}/metrics.sock.12345.tmp") < 107
    finally:
        folder.rmdir()
    folder.symlink_to(tmp_path)
    try:
        with pytest.raises(StartupRefused, match="belongs to somebody else"):
            runtime_dir(tmp_path)
    finally:
        folder.unlink()


def test_authentication_is_always_on_and_the_caller_can_not_turn_it_off(tmp_path: Path) -> None:
    environment = secure_environment(tmp_path)
    assert environment["RAY_AUTH_MODE"] == "token"
    assert environment["RAY_USAGE_STATS_ENABLED"] == "0"
    assert stat.S_IMODE(Path(environment["RAY_AUTH_TOKEN_PATH"]).stat().st_mode) == 0o600
    assert os.access(environment["RAY_SERVE_HAPROXY_BINARY_PATH"], os.X_OK)
    assert inherited({"RAY_ADDRESS": "elsewhere", "PATH": "/bin"}) == {"PATH": "/bin"}


def test_ports_do_not_collide_with_each_other_nor_with_those_that_the_kernel_gives_away() -> None:
    ports = choose_ports()
    chosen = {ports.agent, ports.fallback_proxy, *ports.replicas}
    assert len(chosen) == 66
    given_away = Path("/proc/sys/net/ipv4/ip_local_port_range")
    first = int(given_away.read_text().split()[0]) if given_away.exists() else 32_768
    assert max(chosen) < first


def test_a_free_port_is_taken_without_a_word() -> None:
    require_free("127.0.0.1", 0)
