"""Server-sent events, as vendors stream their answers."""

from __future__ import annotations

from collections.abc import AsyncIterator

MOST_BYTES = 16 * 2**20
"""Of one line: a whole tool call may be one."""


async def data_of(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The `data` of each event, from the bytes of the answer as they come.

    Raises `ValueError` for a line that does not end.
    """
    rest = b""
    async for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            if line.startswith(b"data:"):
                yield line[5:].strip()
        if len(rest) > MOST_BYTES:
            raise ValueError("a line without an end")
    if rest.startswith(b"data:"):
        yield rest[5:].strip()
