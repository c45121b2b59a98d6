"""What `baukasten login` keeps: an address and tokens, in a file that its owner alone can read.

Several commands may use it at the same time. It is replaced as a whole, so that nobody reads half
of it, and whoever changes it holds `locked_credentials`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import platformdirs


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who signed in where."""

    url: str
    access_token: str
    refresh_token: str | None = None


def signed_in(url: str, body: Mapping[str, Any]) -> Credentials:
    """What the answer to a sign-in gives."""
    return Credentials(url, body["access_token"], body.get("refresh_token"))


def credentials_file() -> Path:
    """Where they are kept."""
    return platformdirs.user_config_path("baukasten") / "credentials.json"


def stored_credentials() -> Credentials | None:
    """Those in the file; None when nobody has logged in."""
    path = credentials_file()
    return Credentials(**json.loads(path.read_text())) if path.exists() else None


def save_credentials(credentials: Credentials) -> None:
    """Keep them; hold `locked_credentials`."""
    path = credentials_file()
    scratch = path.with_suffix(".new")
    with os.fdopen(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(asdict(credentials), file)
    scratch.replace(path)


@contextmanager
def locked_credentials() -> Iterator[None]:
    """One process at a time changes the file."""
    import fcntl

    path = credentials_file().with_suffix(".lock")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600)) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
