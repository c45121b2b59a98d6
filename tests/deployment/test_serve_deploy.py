"""An operator's own Ray cluster: `baukasten ray-env`, `ray start`, `serve deploy`."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import pytest
from baukasten_serve import processes
from baukasten_serve.config import default_path
from baukasten_serve.runtime import runtime_dir
from baukasten_serve.testing import free_port

from baukasten_core.db.embedded import start_embedded
from baukasten_core.settings import load_settings

pytestmark = [pytest.mark.deployment, pytest.mark.slow]

BIN = Path(sys.executable).parent
START = ("start", "--head", "--port=0", "--disable-usage-stats", "--num-cpus=2", "--block")
WORKERS = ("--min-worker-port=0", "--max-worker-port=0")
"""Any port: those of this test's own choice lie where Ray would put its workers."""


def run(*command: str, environment: dict[str, str], check: bool = True) -> str:
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert not check or done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def exported(lines: str) -> dict[str, str]:
    words = (shlex.split(line)[1] for line in lines.splitlines() if line.startswith("export "))
    return dict(word.split("=", 1) for word in words)


@contextmanager
def cluster(environment: dict[str, str], folder: Path, dashboard: int) -> Iterator[None]:
    """`ray start` as an operator runs it, on ports of the test's own."""
    options = [f"--dashboard-port={dashboard}", "--dashboard-host=127.0.0.1"]
    options += [f"--temp-dir={folder}", f"--ray-client-server-port={free_port()}"]
    options += [f"--dashboard-agent-listen-port={free_port()}", "--object-store-memory=100000000"]
    with (folder.parent / "ray-start.log").open("w") as log:
        command = [str(BIN / "ray"), *START, *WORKERS, *options]
        head = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    processes.adopt_orphans()
    before = {process.pid for process in processes.family() if process.pid != head.pid}
    try:
        yield
    finally:
        ours = [process for process in processes.family() if process.pid not in before]
        processes.end([psutil.Process(head.pid), *ours])


def until_running(url: str, headers: dict[str, str], seconds: float = 90) -> dict[str, str]:
    deadline = time.monotonic() + seconds
    states: dict[str, str] = {}
    while time.monotonic() < deadline:
        try:
            answer = httpx.get(f"{url}/api/serve/applications/", headers=headers, timeout=5)
            applications = answer.json()["applications"]
            states = {name: app["status"] for name, app in applications.items()}
            if states and set(states.values()) == {"RUNNING"}:
                return states
        except (httpx.HTTPError, ValueError, KeyError):
            pass
        time.sleep(0.5)
    raise AssertionError(f"not running: {states}")


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="bk-test-") as name:
        yield Path(name)
        shutil.rmtree(runtime_dir(Path(name) / "home"), ignore_errors=True)


def test_serve_deploy_works_as_well_as_up(folder: Path) -> None:
    home, port, dashboard = folder / "home", free_port(), free_port()
    config = folder / "serve_config.yaml"
    text = default_path().read_text().replace("host: 0.0.0.0", "host: 127.0.0.1")
    config.write_text(text.replace("port: 8000", f"port: {port}"))
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("RAY_", "BAUKASTEN_"))}
    settings = load_settings({"home": home})
    assert settings.database.embedded_password is not None
    server = start_embedded(home / "pg", settings.database.embedded_password.get_secret_value())
    environment = {**kept, "BAUKASTEN_HOME": str(home), "BAUKASTEN_DATABASE_URL": server.url}
    try:
        baukasten = (sys.executable, "-m", "baukasten_serve")
        run(sys.executable, "-c", MIGRATE, environment=environment)
        secure = exported(run(*baukasten, "ray-env", environment=environment))
        assert secure["RAY_AUTH_MODE"] == "token"
        # Not for operators: it keeps this test's cluster on loopback.
        environment |= {**secure, "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
        ray_folder = runtime_dir(home) / "ray"
        ray_folder.mkdir()
        with cluster(environment, ray_folder, dashboard):
            address = f"http://127.0.0.1:{dashboard}"
            deadline = time.monotonic() + 60
            while "Sent deploy request" not in (
                said := run(
                    *(str(BIN / "serve"), "deploy", "-a", address, str(config)),
                    environment=environment,
                    check=False,
                )
            ):
                assert time.monotonic() < deadline, said
                time.sleep(0.5)
            token = Path(secure["RAY_AUTH_TOKEN_PATH"]).read_text()
            assert httpx.get(f"{address}/api/serve/applications/").status_code in (401, 403)
            states = until_running(address, {"Authorization": f"Bearer {token}"})
            assert set(states) == {"api", "gateway", "embedder", "worker"}
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20) as client:
                health = client.get("/health").json()
                rows = [row for row in health["components"] if row["kind"] == "application"]
                assert {row["status"] for row in rows} == {"ready"}, rows
                assert "error" in client.post("/v1/embeddings", json={"input": "x"}).json()
    finally:
        server.stop()


MIGRATE = """
from baukasten_core.databases import migrate_database
from baukasten_core.plugins import PluginHost
from baukasten_core.settings import load_settings
migrate_database(load_settings(), PluginHost.discover())
"""
