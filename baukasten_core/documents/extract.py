"""Files in, text out: every format through a kept library, in a process of its own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from baukasten_core.documents.limits import Limits
from baukasten_core.documents.text import Extracted


@dataclass(frozen=True, slots=True)
class FileInfo:
    """What a quick look at a file says.

    Attributes:
        type: short name of the format (`pdf`, `docx`, `text`, ...): a document's `type`.
        media_type: the same as a media type.
        size: bytes.
        pages: pages, slides or sheets, where the format says so at once; else None.
        title: the document's own title, or None.
    """

    type: str
    media_type: str
    size: int
    pages: int | None = None
    title: str | None = None


class Extractor:
    """Reads files of any supported format, safely. One a process; open it before use.

        async with Extractor(limits) as extractor:
            info = await extractor.inspect(path)
            document = await extractor.extract(path)

    Plain text and Markdown are read in this process after checks on their bytes; everything
    else in a sandboxed process, fresh for every file. Nothing blocks the event loop.
    """

    def __init__(self, limits: Limits | None = None, *, concurrency: int = 2) -> None:
        """`concurrency`: how many sandboxed processes may run at a time; more callers wait."""
        self.limits = limits or Limits()
        self._concurrency = concurrency

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Ends every sandboxed process."""

    async def inspect(self, path: Path, *, filename: str | None = None) -> FileInfo:
        """A quick look, within `limits.check_seconds`, before a file is accepted.

        `filename` is the uploader's name for it: a hint between plain-text formats, no more.

        Raises:
            TooLarge: over `limits.file_bytes`.
            UnsupportedType: a type that can't be read; names those that can.
            Unprocessable: broken, encrypted or empty, or over a limit; says which.
        """
        raise NotImplementedError

    async def extract(
        self, path: Path, *, filename: str | None = None, url: str | None = None
    ) -> Extracted:
        """The file's whole text, within all limits.

        `url`: the file is a web page from there; its main text is taken, without navigation.

        Raises:
            TooLarge, UnsupportedType: as `inspect`.
            Unprocessable: as `inspect`; also no text in it, too long, or the process died.
        """
        raise NotImplementedError
