"""Archives (DOCX, ODT, PPTX, XLSX) are unpacked once, counting, before a library may read them."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib

from baukasten_core.documents.detect import broken
from baukasten_core.documents.limits import MIB, Limits
from baukasten_core.errors import Unprocessable

MAX_MEMBERS = 20_000
TIMES_TEXT = 8
"""All members together may unpack to this many times `Limits.text_bytes`."""

_PIECE = 1 << 18
_LOCAL_HEADER = struct.Struct("<4s5H3L2H")


def guard(data: bytes, limits: Limits) -> None:
    """Refuse an archive that is broken or would unpack to too much.

    What a member says about its own size is not believed: each is inflated to its end. Members
    that share the same bytes (a bomb that overlaps itself) are counted each time.

    Raises:
        Unprocessable: says which.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as file:
            members = file.infolist()
        if len(members) > MAX_MEMBERS:
            raise Unprocessable(f"The file has more than {MAX_MEMBERS:,} parts.")
        left = limits.text_bytes * TIMES_TEXT
        for member in members:
            left -= _unpacked_size(data, member, left)
            if left < 0:
                raise _bomb(limits)
    except (zipfile.BadZipFile, zlib.error, struct.error, ValueError, EOFError):
        raise broken("the Office document that it says it is") from None


def _unpacked_size(data: bytes, member: zipfile.ZipInfo, most: int) -> int:
    """How many bytes a member really unpacks to; more than `most` is not counted further."""
    header = _LOCAL_HEADER.unpack_from(data, member.header_offset)
    if header[0] != b"PK\x03\x04":
        raise zipfile.BadZipFile
    start = member.header_offset + _LOCAL_HEADER.size + header[9] + header[10]
    if member.compress_type == zipfile.ZIP_STORED:
        return member.compress_size
    if member.compress_type != zipfile.ZIP_DEFLATED:
        raise zipfile.BadZipFile
    return _inflated_size(memoryview(data)[start:], most)


def _inflated_size(packed: memoryview, most: int) -> int:
    inflater, offset, size = zlib.decompressobj(-zlib.MAX_WBITS), 0, 0
    while not inflater.eof and size <= most:
        source = inflater.unconsumed_tail
        if not source:
            source = bytes(packed[offset : offset + _PIECE])
            offset += len(source)
        if not source:
            raise EOFError
        size += len(inflater.decompress(source, _PIECE))
    return size


def _bomb(limits: Limits) -> Unprocessable:
    return Unprocessable(
        f"The file unpacks to more than {limits.text_bytes * TIMES_TEXT // MIB} MiB, the limit "
        "here.",
        hint="Split it into smaller files, or take out what is not text.",
    )
