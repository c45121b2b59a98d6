"""A real SMTP server on loopback that keeps what it is given.

with Inbox() as inbox:
    ...  # point a platform's mailer at inbox.host and inbox.port
    mail = inbox.wait_for("somebody@example.test")
"""

from __future__ import annotations

import re
import socket
import threading
import time
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, Self

WAIT_SECONDS = 20.0


class Inbox:
    """Needs aiosmtpd."""

    host = "127.0.0.1"

    def __init__(self) -> None:
        self.messages: list[EmailMessage] = []
        self._arrived = threading.Condition()
        with socket.create_server((self.host, 0)) as probe:
            self.port: int = probe.getsockname()[1]

    def __enter__(self) -> Self:
        from aiosmtpd.controller import Controller

        self._controller = Controller(
            self, hostname=self.host, port=self.port, enable_SMTPUTF8=True
        )
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop()

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        """Called by aiosmtpd for each mail."""
        message = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        with self._arrived:
            self.messages.append(message)
            self._arrived.notify_all()
        return "250 OK"

    def to(self, email: str) -> list[EmailMessage]:
        """What came for an address, oldest first."""
        return [message for message in self.messages if message["To"] == email]

    def wait_for(self, email: str, count: int = 1) -> EmailMessage:
        """The `count`th mail for an address, once it is there."""
        deadline = time.monotonic() + WAIT_SECONDS
        with self._arrived:
            while len(self.to(email)) < count:
                if not self._arrived.wait(deadline - time.monotonic()):
                    raise AssertionError(f"no mail number {count} came to {email}")
        return self.to(email)[count - 1]

    def token(self, email: str, count: int = 1) -> str:
        """The token in the link of the `count`th mail for an address."""
        found = re.search(r"#token=(\S+)", self.wait_for(email, count).get_content())
        assert found, "the mail has no link with a token"
        return found.group(1)
