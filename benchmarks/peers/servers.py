"""Servers of peers: started, waited for, stopped."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx

START_SECONDS = 180


@contextmanager
def running(
    command: Sequence[str],
    url: str,
    log: Path,
    *,
    cwd: Path,
    environment: Mapping[str, str],
    seconds: float = START_SECONDS,
) -> Iterator[subprocess.Popen[bytes]]:
    """The command, once `url` answers 200; raises RuntimeError with its log after `seconds`."""
    with log.open("w") as output:
        process = subprocess.Popen(
            command, cwd=cwd, stdout=output, stderr=output, env={**os.environ, **environment}
        )
    try:
        _wait_until_up(process, url, log, seconds)
        yield process
    finally:
        process.terminate()
        process.wait(20)


def _wait_until_up(process: subprocess.Popen[bytes], url: str, log: Path, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            if httpx.get(url, timeout=2).status_code == httpx.codes.OK:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.2)
    raise RuntimeError(f"{process.args!r} did not start: {log.read_text()[-2000:]}")
