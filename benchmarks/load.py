"""A closed-loop HTTP/1.1 load generator that costs little: it shares the cores with the server.

Each connection sends its next request when the answer to the last has come. Answers are read to
their end and their status is checked: an error stops the run.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Result:
    """Latencies in milliseconds, throughput in requests a second."""

    connections: int
    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float

    @property
    def per_second(self) -> float:
        return self.requests / self.seconds


@dataclass(frozen=True)
class Request:
    """One request, as bytes on the wire."""

    host: str
    port: int
    wire: bytes

    @classmethod
    def get(cls, url: str, headers: dict[str, str]) -> Request:
        parts = urlsplit(url)
        assert parts.hostname
        lines = [f"GET {parts.path}?{parts.query} HTTP/1.1", f"Host: {parts.netloc}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return cls(parts.hostname, parts.port or 80, ("\r\n".join(lines) + "\r\n\r\n").encode())


async def run(request: Request, connections: int, seconds: float, warmup: float = 2.0) -> Result:
    """Load for `seconds`, after `warmup` that is not counted."""
    latencies: list[float] = []
    started = time.perf_counter() + warmup
    until = started + seconds
    workers = [_worker(request, latencies, started, until) for _ in range(connections)]
    await asyncio.gather(*workers)
    quantiles = statistics.quantiles(latencies, n=100)
    return Result(connections, len(latencies), seconds, quantiles[49] * 1e3, quantiles[98] * 1e3)


async def _worker(request: Request, latencies: list[float], started: float, until: float) -> None:
    reader, writer = await asyncio.open_connection(request.host, request.port)
    while (begin := time.perf_counter()) < until:
        writer.write(request.wire)
        try:
            await _answer(reader)
        except (asyncio.IncompleteReadError, ConnectionResetError):
            # A proxy that changes its configuration closes idle connections; a client opens
            # another. The time this takes counts.
            reader, writer = await asyncio.open_connection(request.host, request.port)
            writer.write(request.wire)
            await _answer(reader)
        end = time.perf_counter()
        if begin >= started and end <= until:
            latencies.append(end - begin)
    writer.close()


async def _answer(reader: asyncio.StreamReader) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    status = int(head[9:12])
    if status != 200:
        raise RuntimeError(f"status {status}: {head.decode(errors='replace')}")
    lower = head.lower()
    at = lower.find(b"content-length:")
    if at >= 0:
        await reader.readexactly(int(lower[at + 15 : lower.index(b"\r\n", at)]))
        return
    while size := int((await reader.readline()).split(b";")[0], 16):
        await reader.readexactly(size + 2)
    await reader.readline()
