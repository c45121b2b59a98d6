"""Streams: how late each piece comes that the upstream has stamped with the time it was sent."""

from __future__ import annotations

import asyncio
import re
import statistics
import time
from dataclasses import dataclass

from benchmarks.load import Request

_STAMP = re.compile(rb"@(\d+\.\d+) ")


@dataclass(frozen=True)
class Lateness:
    """Milliseconds after the upstream had sent a piece: of the first pieces, of all, and of those
    of the last second, which tell whether the gateway falls behind."""

    streams: int
    pieces: int
    first_p50: float
    p50: float
    p99: float
    end_p99: float


async def one_after_the_other(request: Request, count: int) -> Lateness:
    """First pieces, without anything else going on."""
    return _lateness([await _stream(request) for _ in range(count)])


async def at_the_same_time(request: Request, streams: int) -> Lateness:
    """Many long streams."""
    return _lateness(await asyncio.gather(*(_stream(request) for _ in range(streams))))


async def _stream(request: Request) -> list[tuple[float, float]]:
    """(when it was sent, how late it came in seconds) of each piece."""
    reader, writer = await asyncio.open_connection(request.host, request.port)
    writer.write(request.wire)
    head = await reader.readuntil(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(head.decode())
    seen: list[tuple[float, float]] = []
    rest = b""
    while b"[DONE]" not in rest:
        data = await reader.read(65_536)
        now = time.perf_counter()
        if not data:
            raise RuntimeError("a stream ended before its end")
        *events, rest = (rest + data).split(b"\n\n")
        if any(b"[DONE]" in event for event in events):
            rest = b"[DONE]"
        for event in events:
            if found := _STAMP.search(event):
                seen.append((float(found[1]), now - float(found[1])))
    writer.close()
    return seen


def _lateness(streams: list[list[tuple[float, float]]]) -> Lateness:
    everything = [piece for stream in streams for piece in stream]
    end = max(at for at, _ in everything) - 1.0
    late = [milliseconds for _, milliseconds in everything]
    return Lateness(
        len(streams),
        len(everything),
        statistics.median(stream[0][1] for stream in streams) * 1e3,
        statistics.median(late) * 1e3,
        _p99(late) * 1e3,
        _p99([seconds for at, seconds in everything if at >= end]) * 1e3,
    )


def _p99(values: list[float]) -> float:
    return statistics.quantiles(values, n=100)[98] if len(values) > 1 else values[0]
