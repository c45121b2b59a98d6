"""A ZIP that is written piece by piece: whatever its size, little of it is in memory."""

from __future__ import annotations

import asyncio
import io
import time
from collections.abc import AsyncIterator
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo


class ZipPieces:
    """Makes a ZIP of one entry after the other.

    archive = ZipPieces()
    async for piece in archive.add("a.txt", pieces): ...
    yield archive.end()
    """

    def __init__(self) -> None:
        self._sink = _Sink()
        self._zip = ZipFile(self._sink, "w", ZIP_DEFLATED)

    async def add(self, name: str, content: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """An entry; yields what of the ZIP is ready. Compression runs in a thread."""
        info = ZipInfo(name, time.gmtime()[:6])
        info.compress_type = ZIP_DEFLATED
        info.external_attr = 0o600 << 16
        with self._zip.open(info, "w", force_zip64=True) as entry:
            async for piece in content:
                await asyncio.to_thread(entry.write, piece)
                if ready := self._sink.take():
                    yield ready
        yield self._sink.take()

    def end(self) -> bytes:
        """The directory at the end, without which it is no ZIP."""
        self._zip.close()
        return self._sink.take()


class _Sink(io.RawIOBase):
    """What ZipFile writes to: it can't seek, so ZipFile streams."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        piece = bytes(data)  # type: ignore[call-overload]
        self._pieces.append(piece)
        return len(piece)

    def take(self) -> bytes:
        ready, self._pieces = b"".join(self._pieces), []
        return ready
