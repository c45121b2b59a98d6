"""A closed-loop HTTP/1.1 load generator that costs little: it shares the cores with the server.

Each connection sends its next request when the answer to the last has come. Answers are read to
their end and their status is checked: an error stops the run.
"""

from __future__ import annotations

import asyncio
import itertools
import statistics
import time
from collections.abc import Sequence
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
        return cls._made("GET", url, headers)

    @classmethod
    def post(cls, url: str, headers: dict[str, str], body: bytes) -> Request:
        length = {"Content-Type": "application/json", "Content-Length": str(len(body))}
        return cls._made("POST", url, {**headers, **length}, body)

    @classmethod
    def _made(cls, method: str, url: str, headers: dict[str, str], body: bytes = b"") -> Request:
        parts = urlsplit(url)
        assert parts.hostname
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        lines = [f"{method} {path} HTTP/1.1", f"Host: {parts.netloc}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        head = ("\r\n".join(lines) + "\r\n\r\n").encode()
        return cls(parts.hostname, parts.port or 80, head + body)


class Connection:
    """One client: a connection that is kept, and opened again where it was closed."""

    def __init__(self) -> None:
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def send(self, request: Request) -> bytes:
        """The body of the answer. Raises `RuntimeError` for a status that is no success."""
        kept = self._streams is not None
        try:
            return await self._exchange(request)
        except (asyncio.IncompleteReadError, ConnectionResetError):
            # A proxy that changes its configuration closes idle connections; a client opens
            # another. The time this takes counts.
            self.close()
            if not kept:
                raise
            return await self._exchange(request)

    async def _exchange(self, request: Request) -> bytes:
        if self._streams is None:
            self._streams = await asyncio.open_connection(request.host, request.port)
        reader, writer = self._streams
        writer.write(request.wire)
        return await _answer(reader)

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


async def run(
    requests: Request | Sequence[Request], connections: int, seconds: float, warmup: float = 2.0
) -> Result:
    """Load for `seconds`, after `warmup` that is not counted. Of several requests, each
    connection sends one after the other, beginning at another place."""
    several = [requests] if isinstance(requests, Request) else list(requests)
    latencies: list[float] = []
    started = time.perf_counter() + warmup
    until = started + seconds
    workers = [
        _worker(several[first:] + several[:first], latencies, started, until)
        for first in (number * len(several) // connections for number in range(connections))
    ]
    await asyncio.gather(*workers)
    quantiles = statistics.quantiles(latencies, n=100)
    return Result(connections, len(latencies), seconds, quantiles[49] * 1e3, quantiles[98] * 1e3)


async def _worker(
    requests: Sequence[Request], latencies: list[float], started: float, until: float
) -> None:
    connection, following = Connection(), itertools.cycle(requests)
    while (begin := time.perf_counter()) < until:
        await connection.send(next(following))
        end = time.perf_counter()
        if begin >= started and end <= until:
            latencies.append(end - begin)
    connection.close()


async def _answer(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    status = int(head[9:12])
    lower = head.lower()
    at = lower.find(b"content-length:")
    if at >= 0:
        body = await reader.readexactly(int(lower[at + 15 : lower.index(b"\r\n", at)]))
    else:
        body = await _chunks(reader)
    if not 200 <= status < 300:
        raise RuntimeError(f"status {status}: {body[:500].decode(errors='replace')}")
    return body


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    parts = []
    while size := int((await reader.readline()).split(b";")[0], 16):
        parts.append(await reader.readexactly(size))
        await reader.readline()
    await reader.readline()
    return b"".join(parts)
