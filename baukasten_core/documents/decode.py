"""Bytes to text, when nobody says for sure which encoding it is."""

from __future__ import annotations

import codecs
import re

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_CONTROLS = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_META = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([A-Za-z0-9_:.-]{2,40})", re.I)
_MOST_CONTROLS = 0.05
_ENOUGH_TO_GUESS = 40
_OTHER_SCRIPTS = ("cp1251", "cp1253", "cp1255", "cp1256", "koi8_r")
_ASCII_LETTERS = re.compile(rb"[A-Za-z]")


def decode(data: bytes, *, charset: str | None = None, limit: int | None = None) -> str | None:
    """The text of `data` (of its first `limit` bytes), or None if it is binary.

    In order: a byte order mark, `charset` (what a server said) and a page's own `<meta>`, UTF-8,
    UTF-16 told by its zero bytes, else Windows-1252 or a code page of another script. Lone
    surrogates that somebody encoded as UTF-8 become U+FFFD.
    """
    if limit is not None and len(data) > limit:
        data = data[: limit - limit % 4]
    for bom, encoding in _BOMS:
        if data.startswith(bom):
            return _text(data[len(bom) :].decode(encoding, "replace"))
    for said in (charset, _declared(data)):
        text = _in(data, said)
        if text is not None:
            return text
    wide = _wide(data)
    if wide:
        return _text(data.decode(wide, "replace"))
    utf8 = _utf8(data)
    return _text(utf8 if utf8 is not None else _single_byte(data))


def _text(text: str) -> str | None:
    """`text`, unless too much of it is control characters."""
    sample = text[:65536]
    controls = len(_CONTROLS.findall(sample))
    return text if controls <= max(2, len(sample) * _MOST_CONTROLS) else None


def _declared(data: bytes) -> str | None:
    found = _META.search(data, 0, 4096)
    return found[1].decode("ascii") if found else None


def _in(data: bytes, charset: str | None) -> str | None:
    try:
        return _text(data.decode(charset)) if charset else None
    except (LookupError, UnicodeError):
        return None


def _wide(data: bytes) -> str | None:
    """UTF-16 without a mark: in Latin text nearly every second byte is zero."""
    sample = data[:4096]
    if len(sample) < 4 or len(data) % 2:
        return None
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    half = len(sample) / 2
    if odd > 0.7 * half and even < 0.1 * half:
        return "utf-16-le"
    if even > 0.7 * half and odd < 0.1 * half:
        return "utf-16-be"
    return None


def _utf8(data: bytes) -> str | None:
    """As UTF-8 if it is that, give or take lone surrogates and a few damaged bytes."""
    try:
        return data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        text = data.decode("utf-8", "replace")
    damaged = text.count("\ufffd")
    foreign = sum(1 for character in text[:1_000_000] if character > "\x7f") - damaged
    cut_off = damaged == 1 and text.endswith("\ufffd")
    return text if cut_off or foreign >= 4 * damaged else None


def _single_byte(data: bytes) -> str:
    """Windows-1252, unless most letters are not ASCII, so that the text is not in Latin script.

    Guesses among Latin code pages are wrong more often than Windows-1252 is.
    """
    sample = data[:65536]
    foreign, latin = sum(byte > 127 for byte in sample), len(_ASCII_LETTERS.findall(sample))
    encoding = "cp1252"
    if foreign >= _ENOUGH_TO_GUESS and foreign > latin:
        from charset_normalizer import from_bytes

        best = from_bytes(sample, cp_isolation=list(_OTHER_SCRIPTS)).best()
        encoding = best.encoding if best else encoding
    return data.decode(encoding, "replace")
