"""The limits as errors: each names the limit and what to do."""

from __future__ import annotations

from baukasten_core.documents.limits import MIB, Limits
from baukasten_core.documents.text import Extracted
from baukasten_core.errors import TooLarge, Unprocessable

SPLIT_IT = "Split it into smaller files."
SCANNED = "If it is a scan, put it through text recognition (OCR) first."


def too_large(limits: Limits) -> TooLarge:
    """The file has more bytes than are read here."""
    return TooLarge(f"The file is larger than {limits.file_bytes // MIB} MiB, the limit here.")


def too_much_memory(limits: Limits) -> Unprocessable:
    """Reading the file needs more memory than it may have."""
    return Unprocessable(
        f"Reading the file takes more than {limits.memory_bytes // MIB} MiB of memory, the limit "
        "here.",
        hint=SPLIT_IT,
    )


def check_pages(pages: int, limits: Limits) -> None:
    """Raises `Unprocessable` for a document with too many pages."""
    if pages > limits.pages:
        raise Unprocessable(
            f"The document has {pages:,} pages; {limits.pages:,} is the limit here.", hint=SPLIT_IT
        )


def checked(document: Extracted, limits: Limits) -> Extracted:
    """The document; raises `Unprocessable` unless it has text, and not too much of it."""
    check_pages(len(document.pages), limits)
    if not document.text.strip():
        scan = SCANNED if document.media_type == "application/pdf" else None
        raise Unprocessable("There is no text in it.", hint=scan)
    if len(document.text.encode()) > limits.text_bytes:
        raise Unprocessable(
            f"It holds more than {limits.text_bytes // MIB} MiB of text, the limit here.",
            hint=SPLIT_IT,
        )
    return document
