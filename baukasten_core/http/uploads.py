"""Multipart uploads, read as they come in: the limit holds while streaming, memory is steady.

FastAPI's own `UploadFile` takes the whole body before a route sees any of it.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO

from fastapi import Request
from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header

from baukasten_core.documents.service import Upload
from baukasten_core.errors import TooLarge, Unprocessable

MIB = 1024 * 1024
FLUSH = MIB
"""Bytes that are gathered before a thread writes them."""

FIELD_BYTES = 256 * 1024
"""Most that all fields other than the file may hold together, names included."""

SENT_ANYWAY = 3
"""A file over the limit is read on and thrown away up to this many limits, so that a client that
is still sending gets to see the answer."""


@dataclass(slots=True)
class Form:
    """What a multipart body held: the file, on disk, and the fields."""

    upload: Upload
    fields: dict[str, str]


@asynccontextmanager
async def received(request: Request, limit: int) -> AsyncIterator[Form]:
    """The form of a request; its file is gone when the context ends.

    Raises:
        TooLarge: the file has more than `limit` bytes.
        Unprocessable: not a multipart form, or without a part `file`.
    """
    boundary = _boundary(request)
    with TemporaryDirectory(prefix="baukasten-") as folder:
        reader = _Reader(Path(folder) / "file", limit)
        parser = MultipartParser(boundary, reader.callbacks())
        with reader.path.open("wb") as file:
            async for piece in request.stream():
                try:
                    parser.write(piece)
                except MultipartParseError:
                    raise Unprocessable("The multipart form is broken.") from None
                await reader.flush(file)
            await reader.flush(file, whole=True)
        yield reader.form()


def _boundary(request: Request) -> bytes:
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    boundary = options.get(b"boundary")
    if kind != b"multipart/form-data" or not boundary or len(boundary) > 200:
        raise Unprocessable("Send the file as multipart/form-data, in a part named `file`.")
    return boundary


@dataclass(slots=True)
class _Reader:
    """The parser's callbacks: gathers fields, hashes and buffers the file."""

    path: Path
    limit: int
    fields: dict[str, bytearray] = field(default_factory=dict)
    filename: str | None = None
    size: int = 0
    finished: bool = False
    _held: int = 0
    _name: str = ""
    _is_file: bool = False
    _header: bytearray = field(default_factory=bytearray)
    _value: bytearray = field(default_factory=bytearray)
    _buffer: bytearray = field(default_factory=bytearray)
    _hash: hashlib._Hash = field(default_factory=hashlib.sha256)

    def callbacks(self) -> Any:
        """By the parser's names for them."""
        return {
            "on_part_begin": self._part_begin,
            "on_header_field": lambda data, start, end: self._header.extend(data[start:end]),
            "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
            "on_header_end": self._header_end,
            "on_part_data": self._part_data,
            "on_end": self._end,
        }

    def form(self) -> Form:
        if not self.finished:
            raise Unprocessable("The multipart form is cut off.")
        if self.size > self.limit:
            raise TooLarge(f"The file is larger than {self.limit // MIB} MiB, the limit here.")
        if self.filename is None:
            raise Unprocessable("The form has no file: send it in a part named `file`.")
        upload = Upload(self.path, self.filename, self.size, self._hash.digest())
        fields = {name: value.decode(errors="replace") for name, value in self.fields.items()}
        return Form(upload, fields)

    async def flush(self, file: BinaryIO, *, whole: bool = False) -> None:
        """Write what has gathered, in a thread."""
        if self.size > self.limit * SENT_ANYWAY:
            raise TooLarge(f"The file is larger than {self.limit // MIB} MiB, the limit here.")
        if self._buffer and (whole or len(self._buffer) >= FLUSH):
            await asyncio.to_thread(file.write, bytes(self._buffer))
            self._buffer.clear()

    def _part_begin(self) -> None:
        self._name, self._is_file = "", False
        self._header.clear()
        self._value.clear()

    def _header_end(self) -> None:
        if bytes(self._header).lower() == b"content-disposition":
            _, options = parse_options_header(bytes(self._value))
            self._name = options.get(b"name", b"").decode(errors="replace")
            self._is_file = self._name == "file" and self.filename is None
            if self._is_file:
                self.filename = _base_name(options.get(b"filename", b"").decode(errors="replace"))
        self._header.clear()
        self._value.clear()

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        if not self._is_file:
            self._field_data(data[start:end])
            return
        self.size += end - start
        if self.size <= self.limit:
            self._buffer += data[start:end]
            self._hash.update(data[start:end])

    def _field_data(self, data: bytes) -> None:
        if self._name not in self.fields:
            self.fields[self._name] = bytearray()
            self._held += len(self._name)
        self.fields[self._name] += data
        self._held += len(data)
        if self._held > FIELD_BYTES:
            raise TooLarge(f"The form's fields are larger than {FIELD_BYTES // 1024} KiB.")

    def _end(self) -> None:
        self.finished = True


def _base_name(name: str) -> str:
    """The last part of what the client calls the file; some send a whole path."""
    return re.split(r"[/\\]", name)[-1]
