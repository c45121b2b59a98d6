"""An OpenAI-compatible server that answers at once: `python -m benchmarks.gateway.upstream`.

It says its port on standard output, then answers every chat with the same words: whole, or, to
who asks for a stream, piece by piece. The model's name says how: `canned-<pieces>-<pieces a
second>`, the second 0 for all at once. Nothing is parsed that need not be: a gateway is measured
against it, so it must cost next to nothing.
"""

from __future__ import annotations

import asyncio
import re
import sys
import time
from functools import cache

CREATED = 1_700_000_000
WORDS = "Invoices are sent on the first working day of the month, to every customer."
MODELS = ("canned-1-0", "canned-20-0", "canned-500-50")

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_MODEL = re.compile(rb'"model": ?"(canned-(\d+)-(\d+))"')
_STREAM = re.compile(rb'"stream": ?true')


def _with_head(body: bytes) -> bytes:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    return head % len(body) + body


@cache
def whole(model: bytes) -> bytes:
    """A whole answer, as OpenAI's API writes it."""
    return _with_head(
        b'{"id":"chatcmpl-canned","object":"chat.completion","created":%d,"model":"%s",'
        b'"choices":[{"index":0,"message":{"role":"assistant","content":"%s","refusal":null},'
        b'"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":20,'
        b'"completion_tokens":16,"total_tokens":36}}' % (CREATED, model, WORDS.encode())
    )


def _chunk(model: bytes, choices: bytes, more: bytes = b"") -> bytes:
    data = (
        b'data: {"id":"chatcmpl-canned","object":"chat.completion.chunk","created":%d,'
        b'"model":"%s","choices":[%s]%s}\n\n' % (CREATED, model, choices, more)
    )
    return b"%x\r\n%s\r\n" % (len(data), data)


@cache
def pieces(model: bytes, count: int) -> tuple[bytes, ...]:
    """A stream's chunks: the role, `count` pieces of text, the end, the usage."""
    text = b'{"index":0,"delta":{"content":"%s "},"finish_reason":null}'
    role = b'{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}'
    end = b'{"index":0,"delta":{},"finish_reason":"stop"}'
    usage = b',"usage":{"prompt_tokens":20,"completion_tokens":%d,"total_tokens":%d}'
    words = [WORDS.split()[n % 14].encode() for n in range(count)]
    return (
        _chunk(model, role),
        *(_chunk(model, text % word) for word in words),
        _chunk(model, end),
        _chunk(model, b"", usage % (count, 20 + count)),
    )


DONE = b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"
STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
)
LIST = _with_head(
    b'{"object":"list","data":[%s]}'
    % b",".join(
        b'{"id":"%s","object":"model","created":%d,"owned_by":"canned"}' % (name.encode(), CREATED)
        for name in MODELS
    )
)


def stamped(chunk: bytes) -> bytes:
    """The chunk with the time at which it is sent as its text: the load generator's clock is the
    same, so it knows how late each piece comes."""
    at = chunk.index(b'"content":"') + 11
    end = chunk.index(b'"', at)
    data = chunk[chunk.index(b"\r\n") + 2 : at] + b"@%.6f " % time.perf_counter() + chunk[end:-2]
    return b"%x\r\n%s\r\n" % (len(data), data)


class Canned(asyncio.Protocol):
    """One connection, its requests one after the other."""

    def __init__(self) -> None:
        self._buffer = b""
        self._busy = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._busy:
            self._next()

    def _next(self) -> None:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        found = _LENGTH.search(self._buffer, 0, end + 2)
        until = end + 4 + (int(found[1]) if found else 0)
        if len(self._buffer) < until:
            return
        body, self._buffer = self._buffer[end + 4 : until], self._buffer[until:]
        self._answer(body)

    def _answer(self, body: bytes) -> None:
        model = _MODEL.search(body)
        if model is None:
            self._transport.write(LIST)
        elif _STREAM.search(body) is None:
            self._transport.write(whole(model[1]))
        else:
            self._stream(pieces(model[1], int(model[2])), int(model[3]))

    def _stream(self, chunks: tuple[bytes, ...], pace: int) -> None:
        if not pace:
            role, *rest = chunks
            first, *others = rest
            self._transport.write(b"".join([STREAM_HEAD, role, stamped(first), *others, DONE]))
            return
        self._busy = True
        self._transport.write(STREAM_HEAD + chunks[0])
        self._loop = asyncio.get_running_loop()
        self._piece(chunks, 1, 1 / pace, self._loop.time())

    def _piece(self, chunks: tuple[bytes, ...], number: int, step: float, at: float) -> None:
        if self._transport.is_closing():
            return
        if number == len(chunks) - 2:
            self._transport.write(b"".join(chunks[number:]) + DONE)
            self._busy = False
            self._next()
            return
        self._transport.write(stamped(chunks[number]))
        at += step
        self._loop.call_at(at, self._piece, chunks, number + 1, step, at)


async def main() -> None:
    server = await asyncio.get_running_loop().create_server(Canned, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        # Ends with whoever started it.
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
