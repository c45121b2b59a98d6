"""The configuration that Ray generates, made safe, in the HAProxy that ships with it.

Ray's own generator writes it, so an update of Ray that changes it shows here first.
"""

from __future__ import annotations

import re
import socket
import socketserver
import stat
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from baukasten_serve.environment import write_launcher
from baukasten_serve.haproxy.rewrite import MARK, Options, UnexpectedConfig, rewrite
from baukasten_serve.haproxy.wrapper import BIND
from baukasten_serve.testing import free_port


@dataclass
class Replica:
    """A server that counts requests and answers with `status`, or hangs up without a word."""

    status: int | None
    seen: list[str] = field(default_factory=list)
    port: int = 0

    @contextmanager
    def running(self) -> Iterator[Replica]:
        replica = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                line = self.rfile.readline().decode()
                headers = [header.decode().strip() for header in iter(self.rfile.readline, b"\r\n")]
                if "/-/healthz" in line:
                    self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                    return
                length = [h for h in headers if h.lower().startswith("content-length:")]
                self.rfile.read(int(length[0].split(":")[1]) if length else 0)
                replica.seen.append(line.strip() + "".join(f"\n{header}" for header in headers))
                if replica.status is not None:
                    answer = f"HTTP/1.1 {replica.status} X\r\nX-Request-ID: ours\r\n"
                    answer += "X-Request-ID: serves\r\nContent-Length: 2\r\n\r\nok"
                    self.wfile.write(answer.encode())

        with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
            server.daemon_threads = True
            self.port = server.server_address[1]
            threading.Thread(target=server.serve_forever, daemon=True).start()
            yield self
            server.shutdown()


def generated(folder: Path, port: int, replicas: list[Replica]) -> Path:
    """What Ray writes for one application with these replicas."""
    from ray.serve._private.haproxy import BackendConfig, HAProxyApi, HAProxyConfig, ServerConfig
    from ray.serve.config import HTTPOptions

    config = HAProxyConfig(
        socket_path=str(folder / "admin.sock"),
        server_state_base=str(folder),
        server_state_file=str(folder / "server-state"),
        metrics_socket_path=str(folder / "metrics.sock"),
        log_target=str(folder / "log.sock"),
        http_options=HTTPOptions(host="127.0.0.1", port=port, keep_alive_timeout_s=5),
        has_received_routes=True,
        has_received_servers=True,
    )
    servers = [ServerConfig(f"r{n}", "127.0.0.1", r.port) for n, r in enumerate(replicas)]
    backend = BackendConfig("http-api", "/", servers=servers, app_name="api")
    path = folder / "haproxy.cfg"
    HAProxyApi(config, {"http-api": backend}, str(path))._generate_config_file_internal()
    return path


@contextmanager
def haproxy(folder: Path, replicas: list[Replica]) -> Iterator[httpx.Client]:
    port = free_port()
    path = generated(folder, port, replicas)
    process = subprocess.Popen(
        [str(write_launcher(folder)), "-db", "-f", str(path)], stderr=subprocess.PIPE, text=True
    )
    try:
        while socket.socket().connect_ex(("127.0.0.1", port)):
            assert process.poll() is None, process.stderr and process.stderr.read()
            time.sleep(0.02)
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20) as client:
            yield client
    finally:
        process.terminate()
        process.wait(5)


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hap")


def test_only_the_http_port_is_bound_to_an_address(folder: Path) -> None:
    config = generated(folder, 18123, []).read_text()
    assert re.search(r"bind :9101|bind \*:8404|mode 666", config)  # what Ray would do
    safe = rewrite(config, Options(str(folder), bind="192.0.2.7"))
    binds = [line.split()[1] for line in safe.splitlines() if line.strip().startswith("bind ")]
    assert [bind for bind in binds if not bind.startswith("unix@")] == ["192.0.2.7:18123"]
    assert "mode 666" not in safe
    assert "httplog" not in safe
    assert "splice" not in safe  # else a client that goes away is not always noticed
    assert "500.http" in safe
    assert "errorfile 503" in safe
    assert rewrite(safe, Options(str(folder))) == safe


@pytest.mark.parametrize(
    ("expected", "instead"),
    [
        ("mode 666", "mode 660"),
        ("listen stats", "listen statistics"),
        ("frontend prometheus", "frontend metrics"),
        ("bind 127.0.0.1:18123", "#"),
        ("listen stats", "listen more\n  bind :9999\nlisten stats"),
    ],
)
def test_a_configuration_of_another_shape_is_refused(
    folder: Path, expected: str, instead: str
) -> None:
    config = generated(folder, 18123, []).read_text().replace(expected, instead)
    with pytest.raises(UnexpectedConfig):
        rewrite(config, Options(str(folder)))


def test_no_replica_is_a_503_problem_with_retry_after(folder: Path) -> None:
    with haproxy(folder, []) as client:
        answer = client.get("/projects")
    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == 503


def test_statistics_metrics_and_admin_socket_are_the_owners_alone(folder: Path) -> None:
    with haproxy(folder, []):
        for name in ("admin.sock", "stats.sock", "prom.sock"):
            assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600, name
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert (folder / "haproxy.cfg").read_text().startswith(MARK)


def test_what_may_be_repeated_goes_to_another_replica(folder: Path) -> None:
    with (
        Replica(None).running() as broken,
        Replica(200).running() as good,
        haproxy(folder, [broken, good]) as client,
    ):
        for _ in range(2):
            assert client.get("/projects").status_code == 200
            assert client.post("/v1/embeddings", json={}).status_code == 200
    assert broken.seen  # or nothing had to be repeated


def test_what_may_not_be_repeated_is_sent_once_and_said_to_be_unsure(folder: Path) -> None:
    with Replica(None).running() as broken, haproxy(folder, [broken]) as client:
        answer = client.post("/projects", json={})
    assert len(broken.seen) == 1
    assert answer.status_code == 502
    assert "before you repeat it" in answer.json()["detail"]


def test_who_was_seen_is_the_last_word_and_there_is_one_request_id(folder: Path) -> None:
    with Replica(200).running() as replica, haproxy(folder, [replica]) as client:
        answer = client.get("/x")
        client.get("/x", headers={"X-Forwarded-For": "203.0.113.9"})
    assert answer.headers.get_list("x-request-id") == ["ours"]
    assert forwarded_for(replica.seen[0]) == "127.0.0.1"
    assert forwarded_for(replica.seen[1]) == "203.0.113.9, 127.0.0.1"
    assert BIND.startswith("_")


def forwarded_for(request: str) -> str:
    """What all of its lines say together."""
    headers = [line.partition(": ") for line in request.splitlines()]
    return ", ".join(value for name, _, value in headers if name.lower() == "x-forwarded-for")


def test_the_access_log_has_no_query(folder: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
        log.bind(str(folder / "log.sock"))
        log.settimeout(5)
        with Replica(200).running() as replica, haproxy(folder, [replica]) as client:
            client.get("/documents/search", params={"query": "a private question"})
            line = log.recv(4096).decode()
            while "GET" not in line:
                line = log.recv(4096).decode()
    assert "/documents/search" in line
    assert "private" not in line
