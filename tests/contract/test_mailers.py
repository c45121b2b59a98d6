"""Every mailer that ships, and the fake, through the contract suite."""

from __future__ import annotations

import io
import re
import socket
from collections.abc import Iterator, Sequence
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

from baukasten_core.accounts.mails import MailRoom
from baukasten_core.contracts.mail import Mail, Mailer
from baukasten_core.errors import (
    ProviderError,
    ProviderRejected,
    ProviderUnavailable,
    ResidencyViolation,
)
from baukasten_core.providers.mail import console, smtp
from baukasten_core.testing.contracts.mail import MailContract
from baukasten_core.testing.fakes import MemoryMailer

MAIL = Mail("somebody@example.test", "A subject", "A text.")


class TestMemory(MailContract):
    @pytest.fixture
    def mailer(self) -> Mailer:
        self.memory = MemoryMailer()
        return self.memory

    async def received(self) -> Sequence[Mail]:
        return self.memory.sent


class TestConsole(MailContract):
    @pytest.fixture
    def mailer(self) -> Mailer:
        self.stream = io.StringIO()
        return console.ConsoleMailer(self.stream)

    async def received(self) -> Sequence[Mail]:
        found = re.findall(
            r"^--- mail to (\S+): (.*?)\n(.*?)\n---$", self.stream.getvalue(), re.M | re.S
        )
        return [Mail(*parts) for parts in found]


# --- SMTP ---------------------------------------------------------------------------------


class Inbox:
    """What a real SMTP server on loopback hands over."""

    def __init__(self) -> None:
        self.messages: list[EmailMessage] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        if "refused@example.test" in envelope.rcpt_tos:
            return "451 not now"
        message = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        self.messages.append(message)
        return "250 OK"


def only_robot(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
    right = isinstance(data, LoginPassword) and data == LoginPassword(b"robot", b"right")
    return AuthResult(success=right, handled=False)  # the server says it failed, then


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


@pytest.fixture
def server(inbox: Inbox) -> Iterator[Controller]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    controller = Controller(
        inbox,
        hostname="127.0.0.1",
        port=port,
        authenticator=only_robot,
        auth_require_tls=False,
        enable_SMTPUTF8=True,
    )
    controller.start()
    yield controller
    controller.stop()


def mailer_for(port: int, **options: Any) -> smtp.SmtpMailer:
    values = {"host": "127.0.0.1", "port": port, "security": "none", **options}
    values.setdefault("sender", "Baukasten <platform@example.test>")
    return smtp.build(smtp.SmtpConfig(**values))


class TestSmtp(MailContract):
    @pytest.fixture
    def mailer(self, server: Controller, inbox: Inbox) -> Mailer:
        self.inbox = inbox
        return mailer_for(server.port)

    async def received(self) -> Sequence[Mail]:
        return [
            Mail(str(message["To"]), str(message["Subject"]), message.get_content())
            for message in self.inbox.messages
        ]

    async def test_a_mail_says_who_sent_it_when_and_that_no_person_did(
        self, mailer: Mailer
    ) -> None:
        await mailer.send(MAIL)
        (message,) = self.inbox.messages
        assert message["From"] == "Baukasten <platform@example.test>"
        assert message["Message-ID"].endswith("@example.test>")
        assert message["Date"]
        assert message["Auto-Submitted"] == "auto-generated"

    async def test_an_address_beyond_ascii_is_sent_as_it_is(self, mailer: Mailer) -> None:
        await mailer.send(Mail("jürgen@exämple.test", "s", "t"))
        (arrived,) = await self.received()
        assert arrived.to == "jürgen@exämple.test"

    async def test_a_line_break_in_an_address_or_subject_is_no_way_to_add_headers(
        self, mailer: Mailer
    ) -> None:
        for mail in (
            Mail("a@example.test\r\nBcc: b@example.test", "s", "t"),
            Mail("a@example.test", "s\nBcc: b@example.test", "t"),
        ):
            with pytest.raises(ProviderRejected):
                await mailer.send(mail)
        assert not self.inbox.messages


async def test_smtp_signs_in_where_the_server_wants_it(server: Controller, inbox: Inbox) -> None:
    await mailer_for(server.port, username="robot", password="right").send(MAIL)
    assert len(inbox.messages) == 1
    with pytest.raises(ProviderUnavailable) as caught:
        await mailer_for(server.port, username="robot", password="wrong").send(MAIL)
    assert "wrong" not in caught.value.detail


async def test_smtp_says_what_is_wrong_without_the_mail_in_it(server: Controller) -> None:
    refused = Mail("refused@example.test", "A subject", "A text.")
    for mailer, mail in (
        (mailer_for(1), MAIL),
        (mailer_for(server.port), refused),
        (mailer_for(server.port, security="starttls"), MAIL),
        (mailer_for(server.port, security="tls"), MAIL),
    ):
        with pytest.raises(ProviderError) as caught:
            await mailer.send(mail)
        assert "127.0.0.1" in caught.value.detail
        assert "example.test" not in caught.value.detail


async def test_a_server_elsewhere_gets_nothing_until_its_region_is_declared(
    server: Controller, inbox: Inbox
) -> None:
    mailer = mailer_for(server.port)
    mailer.server = "mail.example.org"
    room = MailRoom(mailer, "http://localhost", "T")
    with pytest.raises(ResidencyViolation):
        await room.send("a@example.test", "en", "verify", link="l", minutes=60)
    assert not inbox.messages
    mailer.region = "eu"
    await room.send("a@example.test", "en", "verify", link="l", minutes=60)
    assert len(inbox.messages) == 1
