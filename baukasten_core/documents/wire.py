"""What passes between the sandboxed process and ours: plain JSON and UTF-8, checked on arrival."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from baukasten_core import errors
from baukasten_core.documents.detect import Hints
from baukasten_core.documents.limits import Limits
from baukasten_core.documents.text import Extracted

Task = Literal["inspect", "extract"]
MAX_HEADER = 1 << 20
_ERRORS = {
    kind.type: kind for kind in (errors.Unprocessable, errors.UnsupportedType, errors.TooLarge)
}


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


@dataclass(frozen=True, slots=True)
class Request:
    """One file to look at; the file itself travels as an open descriptor."""

    task: Task
    limits: Limits
    seconds: float
    hints: Hints = field(default_factory=Hints)

    def encode(self) -> bytes:
        return json.dumps(asdict(self)).encode()

    @classmethod
    def decode(cls, data: bytes) -> Request:
        fields = json.loads(data)
        limits, hints = Limits(**fields.pop("limits")), Hints(**fields.pop("hints"))
        return cls(limits=limits, hints=hints, **fields)


Result = FileInfo | Extracted


def encode_result(result: Result | errors.BaukastenError) -> bytes:
    """A header line of JSON, then the text."""
    if isinstance(result, errors.BaukastenError):
        header: dict[str, Any] = {"error": result.type, "detail": result.detail}
        return _line({**header, "hint": result.hint, "extra": result.extra})
    if isinstance(result, FileInfo):
        return _line({"info": asdict(result)})
    header = {"media_type": result.media_type, "pages": result.pages, "title": result.title}
    return _line({**header, "metadata": dict(result.metadata)}) + result.text.encode()


def decode_result(data: bytes) -> Result:
    """The result, or its error raised. Of several lines about a quick look the last counts.

    Raises:
        ValueError: this is no result; the process was cut off, or is not ours any more.
    """
    line, _, body = data.partition(b"\n")
    header = json.loads(line)
    if "info" in header and body:
        return decode_result(body)
    if "error" in header:
        kind = _ERRORS[header["error"]]
        raise kind(str(header["detail"]), hint=header["hint"], **header["extra"])
    if "info" in header:
        return FileInfo(**header["info"])
    text = body.decode()
    pages = tuple(int(start) for start in header["pages"])
    if any(start > len(text) for start in pages) or "\x00" in text:
        raise ValueError("not a result")
    metadata = {str(key): str(value) for key, value in header["metadata"].items()}
    return Extracted(text, str(header["media_type"]), pages, header["title"], metadata)


def _line(header: dict[str, Any]) -> bytes:
    return json.dumps(header).encode() + b"\n"
