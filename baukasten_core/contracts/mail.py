"""Mail to people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable


@dataclass(frozen=True, slots=True)
class Mail:
    """A message to one person, plain text. Its content never goes into a log."""

    to: str
    subject: str
    text: str


@runtime_checkable
class Mailer(Protocol):
    """Delivers mail.

    `server` is the address mails are handed to (`smtp.example.org`), None when they stay on this
    machine; `region` is where the operator says it stands. Nothing is sent to a server elsewhere
    whose region nobody declared.
    """

    name: str
    server: str | None
    region: str | None

    async def send(self, mail: Mail) -> None:
        """Hand the message over for delivery.

        Raises `ProviderUnavailable` when the server does not take it.
        """
        ...
