"""Passwords: argon2 through pwdlib, in a thread, and as slow for an unknown account."""

from __future__ import annotations

import asyncio

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from baukasten_core.errors import Unprocessable

MIN_CHARACTERS = 8
MAX_BYTES = 1024

NOBODYS_HASH = (
    "$argon2id$v=19$m=65536,t=3,p=4$cTT2vtKzL4pXaavg9ejorg"
    "$6WYxw2yFHW+KFWWED73ynpegmfqBfu4g/9qomtkXgek"
)
"""Checked where there is no account or no password, so that both take the same time. Its
parameters are the hasher's; no password is let in by it."""


async def hash_password(password: str) -> str:
    """The hash to store.

    Raises:
        Unprocessable: too short, too long, or not text.
    """
    check_password(password)
    return await asyncio.to_thread(_hasher().hash, password)


async def verify_password(password: str, stored: str | None) -> bool:
    """Whether it is the right one; never raises for a strange password."""
    data = password.encode("utf-8", "surrogatepass")
    fits = len(data) <= MAX_BYTES
    right = await asyncio.to_thread(_hasher().verify, data[:MAX_BYTES], stored or NOBODYS_HASH)
    return right and fits and stored is not None


async def improved_hash(password: str, stored: str | None) -> str | None:
    """A new hash where the stored one was made with weaker parameters than today's."""
    if stored is None or not _hasher().current_hasher.check_needs_rehash(stored):
        return None
    return await asyncio.to_thread(_hasher().hash, password)


def check_password(password: str) -> None:
    """Raises `Unprocessable` with a sentence for a password nobody should or can have."""
    try:
        size = len(password.encode())
    except UnicodeEncodeError:
        raise Unprocessable("The password holds characters that are not valid text.") from None
    if len(password) < MIN_CHARACTERS:
        raise Unprocessable(f"The password must have {MIN_CHARACTERS} characters or more.")
    if size > MAX_BYTES:
        raise Unprocessable(
            f"The password must not be longer than {MAX_BYTES:,} bytes; this one has {size:,}."
        )


def _hasher() -> PasswordHash:
    return PasswordHash((Argon2Hasher(),))
