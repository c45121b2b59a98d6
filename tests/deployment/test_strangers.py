"""What a stranger on the network gets: the HTTP port, and nothing else."""

from __future__ import annotations

import os
import shutil
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from baukasten_serve.runtime import Home, runtime_dir
from baukasten_serve.testing import Platform, free_port

pytestmark = pytest.mark.deployment

LOOPBACK = ("127.", "::1", "::ffff:127.")


def listening(platform: Platform) -> dict[tuple[str, int], str]:
    found = {}
    for process in platform.family():
        try:
            connections = process.net_connections("inet")
        except psutil.Error:
            continue
        for connection in connections:
            if connection.status == psutil.CONN_LISTEN:
                found[connection.laddr.ip, connection.laddr.port] = process.name()
    return found


def test_every_socket_of_the_platform_listens_on_loopback_only(platform: Platform) -> None:
    found = listening(platform)
    assert ("127.0.0.1", platform.port) in found
    assert len(found) > 10  # Ray has a dozen: it is them that this test is about
    print("\n".join(f"{ip}:{port} {name}" for (ip, port), name in sorted(found.items())))
    assert {at: name for at, name in found.items() if not at[0].startswith(LOOPBACK)} == {}


def test_sockets_token_and_secrets_are_the_owners_alone(platform: Platform) -> None:
    folder = runtime_dir(platform.home)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for path in (platform.home / "ray_token", platform.home / "secrets.json"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    for config in folder.glob("*/haproxy.cfg"):
        assert stat.S_IMODE(config.parent.stat().st_mode) == 0o700
        for path in config.parent.glob("*.sock"):
            assert not stat.S_IMODE(path.stat().st_mode) & 0o077 or path.name == "metrics.sock"


RUN_CODE = """
import ray, sys
ray.init(address=sys.argv[1], log_to_driver=False)
print(ray.get(ray.remote(lambda: "I ran code").options(num_cpus=0).remote()))
"""


def test_ray_runs_code_for_the_token_and_for_nobody_else(
    platform: Platform, tmp_path: Path
) -> None:
    record = Home(platform.home).read()
    assert record is not None
    wrong = tmp_path / "token"
    wrong.write_text("0" * 64)

    def attempt(auth: dict[str, str]) -> subprocess.Popen[str]:
        kept = {k: v for k, v in platform.environ().items() if not k.startswith("RAY_")}
        local = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "HOME": str(tmp_path)}
        return subprocess.Popen(
            [sys.executable, "-c", RUN_CODE, record.ray_address],
            env={**kept, **local, **auth},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    right = str(platform.home / "ray_token")
    owner = attempt({"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": right})
    strangers = [
        attempt({"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(wrong)}),
        attempt({"RAY_AUTH_MODE": "disabled"}),
    ]
    assert "I ran code" in owner.communicate(timeout=60)[0]
    for process in strangers:
        try:
            said, _ = process.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            said, _ = process.communicate()
        assert "I ran code" not in said
        assert process.returncode != 0


# --- from another network namespace ----------------------------------------------------------

OURS, THEIRS = "198.51.100.1", "198.51.100.2"  # TEST-NET-2


@pytest.fixture
def stranger() -> Iterator[str]:
    """A network namespace that reaches this machine by a cable of its own."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        pytest.skip("needs root and iproute2 to make a network namespace")
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
    try:
        for command in setup:
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                pytest.skip(f"can't make a network namespace: {done.stderr.strip()}")
        yield name
    finally:
        subprocess.run(["ip", "netns", "del", name], capture_output=True)
        subprocess.run(["ip", "link", "del", f"{name}a"], capture_output=True)


KNOCK = """
import socket, sys
for port in map(int, sys.argv[2:]):
    with socket.socket() as probe:
        probe.settimeout(2)
        if probe.connect_ex((sys.argv[1], port)) == 0:
            print(port)
"""


def knock(namespace: str, ports: list[int]) -> set[int]:
    done = subprocess.run(
        ["ip", "netns", "exec", namespace, sys.executable, "-c", KNOCK, OURS, *map(str, ports)],
        capture_output=True,
        text=True,
        check=True,
    )
    return {int(line) for line in done.stdout.split()}


def test_from_another_network_only_the_http_port_answers(stranger: str) -> None:
    with Platform.temporary({"BAUKASTEN_SERVER_HOST": "0.0.0.0"}) as open_platform:
        open_platform.start()
        control = free_port()
        with socket.socket() as listener:
            listener.bind(("0.0.0.0", control))
            listener.listen()
            ports = sorted({port for _, port in listening(open_platform)})
            assert open_platform.port in ports
            assert knock(stranger, [*ports, control]) == {open_platform.port, control}
        address = f"http://{OURS}:{open_platform.port}"
        asking = ["ip", "netns", "exec", stranger, sys.executable, "-c", ASK, address]
        answer = subprocess.run(asking, capture_output=True, text=True)
        assert answer.stdout.split() == ["/health=200", "/projects=401"]


ASK = """
import sys, urllib.request, urllib.error
for path in ("/health", "/projects"):
    try:
        status = urllib.request.urlopen(sys.argv[1] + path, timeout=20).status
    except urllib.error.HTTPError as error:
        status = error.code
    print(f"{path}={status}")
"""


def test_one_request_id_and_the_routes_go_to_the_longest_prefix(platform: Platform) -> None:
    with httpx.Client(base_url=platform.url, timeout=20) as client:
        assert len(client.get("/health").headers.get_list("x-request-id")) == 1
        assert client.post("/v1/embeddings", json={"input": "x"}).json()["error"]["message"]
        assert client.get("/projects").json()["type"] == "/problems/unauthorized"
