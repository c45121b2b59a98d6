"""What an outsider's file, text or address may cost. Plain numbers; the app fills them in."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on everything that comes from outside; each one ends in an error that names it.

    Attributes:
        file_bytes: largest file that is read at all.
        text_bytes: most text (UTF-8) one document may hold; also what an archive (DOCX, XLSX,
            ...) may unpack to per member, times four in all.
        pages: most pages, slides or sheets.
        extract_seconds: wall-clock time of one extraction.
        check_seconds: wall-clock time of the quick look at an upload.
        memory_bytes: address space the extracting process may take beyond its start.
        fetch_seconds: wall-clock time of fetching an address, redirects included.
        fetch_bytes: most that is read from an address, counted again after decompression.
        redirects: how many redirects are followed.
    """

    file_bytes: int = 25 * MIB
    text_bytes: int = 32 * MIB
    pages: int = 5000
    extract_seconds: float = 300.0
    check_seconds: float = 5.0
    memory_bytes: int = 2048 * MIB
    fetch_seconds: float = 20.0
    fetch_bytes: int = 10 * MIB
    redirects: int = 5
