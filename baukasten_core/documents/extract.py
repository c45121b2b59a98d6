"""Files in, text out: every format through a kept library, in a process of its own."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import TracebackType
from typing import Self

from baukasten_core.documents import detect, wire
from baukasten_core.documents.checks import checked, too_large
from baukasten_core.documents.detect import Hints
from baukasten_core.documents.fetch import Fetched
from baukasten_core.documents.limits import Limits
from baukasten_core.documents.plain import read_plain
from baukasten_core.documents.sandbox import Sandbox
from baukasten_core.documents.text import Extracted, normalize
from baukasten_core.documents.wire import FileInfo
from baukasten_core.errors import Unprocessable

__all__ = ["Extractor", "FileInfo", "from_text"]

SMALL = 256 * 1024
"""Plain text up to this many bytes is read in this process."""

_NAMES = {kind.media_type: kind.name for kind in detect.SUPPORTED}


def from_text(
    content: str, limits: Limits, *, title: str | None = None, media_type: str = "text/plain"
) -> Extracted:
    """Text that somebody typed or sent, as a document.

    Raises:
        Unprocessable: nothing but white space, or over `limits.text_bytes`.
    """
    return checked(Extracted(normalize(content), media_type, title=title), limits)


class Extractor:
    """Reads files of any supported format, safely. One a process; close it at the end.

        async with Extractor(limits) as extractor:
            info = await extractor.inspect(path)
            document = await extractor.extract(path)

    Small plain text and Markdown are read in this process, after checks on their bytes;
    everything else in a sandboxed process, fresh for every file. Nothing blocks the event loop.
    """

    def __init__(self, limits: Limits | None = None, *, concurrency: int = 2) -> None:
        """`concurrency`: how many files may be read, and as many looked at, at a time; more
        callers wait.
        """
        self.limits = limits or Limits()
        self._slots = {  # a quick look never waits for somebody's long extraction
            "inspect": asyncio.Semaphore(concurrency),
            "extract": asyncio.Semaphore(concurrency),
        }
        self._sandbox = Sandbox()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Ends every sandboxed process."""
        await asyncio.to_thread(self._sandbox.kill)

    async def inspect(self, path: Path, *, filename: str | None = None) -> FileInfo:
        """A quick look, within `limits.check_seconds`, before a file is accepted.

        `filename` is the uploader's name for it: a hint between plain-text formats, no more.
        A file too slow for the quick look is left to `extract`, and accepted.

        Raises:
            TooLarge: over `limits.file_bytes`.
            UnsupportedType: a type that can't be read; names those that can.
            Unprocessable: broken, encrypted or empty, or over a limit; says which.
        """
        result = await self._read("inspect", path, Hints(filename or path.name))
        if isinstance(result, FileInfo):
            return result
        size = (await asyncio.to_thread(path.stat)).st_size
        return FileInfo(_NAMES[result.media_type], result.media_type, size, title=result.title)

    async def extract(
        self,
        path: Path,
        *,
        filename: str | None = None,
    ) -> Extracted:
        """The file's whole text, within all limits.

        Raises:
            TooLarge, UnsupportedType: as `inspect`.
            Unprocessable: as `inspect`; also no text in it, too much, too slow, or the process
                that read it died.
        """
        return _document(await self._read("extract", path, Hints(filename or path.name)))

    async def extract_fetched(self, fetched: Fetched) -> Extracted:
        """The text of what `Fetcher.fetch` brought: of a web page its main text, without
        navigation. Raises as `extract`.
        """
        hints = Hints(fetched.filename, fetched.url, fetched.media_type, fetched.charset)
        return _document(await self._read("extract", fetched.path, hints))

    async def _read(self, task: wire.Task, path: Path, hints: Hints) -> wire.Result:
        small = await asyncio.to_thread(_small_text, path, hints, self.limits)
        if small is not None:
            return small
        limits = self.limits
        seconds = limits.check_seconds if task == "inspect" else limits.extract_seconds
        async with self._slots[task]:
            return await self._sandbox.run(wire.Request(task, limits, seconds, hints), path)


def _document(result: wire.Result) -> Extracted:
    if not isinstance(result, Extracted):
        raise Unprocessable("The file can't be read.")
    return result


def _small_text(path: Path, hints: Hints, limits: Limits) -> Extracted | None:
    """The document if the file is small plain text; None if the sandbox must look at it."""
    size = path.stat().st_size
    if size > limits.file_bytes:
        raise too_large(limits)
    if size > SMALL:
        return None
    data = path.read_bytes()
    if detect.is_container(data):
        return None
    kind = detect.detect(data, hints)
    if kind.name not in ("text", "markdown"):
        return None
    return checked(read_plain(data, kind, hints.charset), limits)
