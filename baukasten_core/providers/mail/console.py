"""Prints mail where the platform runs: for development, so that links can be followed."""

from __future__ import annotations

import sys
from typing import TextIO

from baukasten_core.contracts.mail import Mail
from baukasten_core.contracts.provider import ProviderConfig


class ConsoleConfig(ProviderConfig):
    """Nothing to configure."""


def build(config: ConsoleConfig) -> ConsoleMailer:
    return ConsoleMailer()


class ConsoleMailer:
    """Writes to standard error, never to a log."""

    name = "console"
    server: str | None = None
    region: str | None = None

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream

    async def send(self, mail: Mail) -> None:
        stream = self._stream or sys.stderr
        stream.write(f"\n--- mail to {mail.to}: {mail.subject}\n{mail.text.rstrip()}\n---\n")
        stream.flush()
