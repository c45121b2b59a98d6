"""Server-sent events, as vendors stream their answers."""

from __future__ import annotations

MOST_BYTES = 16 * 2**20
"""Of one line: a whole tool call may be one."""


class EventData:
    """Cuts the bytes of an answer into the `data` of its events, as they come."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, piece: bytes) -> list[bytes]:
        """What is whole now. Raises `ValueError` for a line that does not end."""
        *lines, self._rest = (self._rest + piece).split(b"\n")
        if len(self._rest) > MOST_BYTES:
            raise ValueError("a line without an end")
        return [line[5:].strip() for line in lines if line.startswith(b"data:")]
