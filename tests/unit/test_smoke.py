"""`baukasten smoke` against something that is no platform: every call fails and shows why."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from baukasten_serve.commands.smoke import smoke
from baukasten_serve.smoke import last_steps, steps
from click.testing import CliRunner


class Teapot(BaseHTTPRequestHandler):
    """Answers everything alike."""

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.send_response(418)
        self.send_header("content-length", "15")
        self.end_headers()
        self.wfile.write(b"short and stout")

    do_POST = do_PATCH = do_DELETE = do_GET  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def url() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Teapot) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize("own", [True, False])
def test_each_step_is_reported_and_a_failed_one_shows_the_call_and_its_body(
    url: str, *, own: bool
) -> None:
    account = [] if own else ["--email", "ada@example.test", "--password", "a password"]
    done = CliRunner().invoke(smoke, [url, *account])
    assert done.exit_code == 1
    assert "FAILED  GET /health: not 200\nGET /health: 418\nshort and stout\n" in done.output
    words = [line.split(" ")[0] for line in done.output.splitlines()]
    reported = sum(word in ("FAILED", "skipped", "absent") for word in words)
    assert reported == len([*steps(own=own), *last_steps(own=own)])
    assert ("DELETE /users/me:" in done.output) == own


def test_nobody_there_is_said() -> None:
    done = CliRunner().invoke(smoke, ["http://127.0.0.1:1"])
    assert done.exit_code == 1
    assert "FAILED  GET /health: ConnectError" in done.output
