"""What a stranger on the network gets: the HTTP port, and nothing else."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from baukasten_serve.runtime import Home, runtime_dir
from baukasten_serve.testing import Platform

pytestmark = pytest.mark.deployment

LOOPBACK = ("127.", "::1", "::ffff:127.")


def test_every_socket_of_the_platform_listens_on_loopback_only(platform: Platform) -> None:
    found = platform.listening()
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


@pytest.mark.slow  # Ray is asked as a stranger until it gives up
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


def test_one_request_id_and_the_routes_go_to_the_longest_prefix(platform: Platform) -> None:
    with httpx.Client(base_url=platform.url, timeout=20) as client:
        assert len(client.get("/health").headers.get_list("x-request-id")) == 1
        assert client.post("/v1/embeddings", json={"input": "x"}).json()["error"]["message"]
        assert client.get("/projects").json()["type"] == "/problems/unauthorized"
