"""The suite of the mail contract.

class TestMine(MailContract):
    @pytest.fixture
    def mailer(self) -> Mailer:
        return MyMailer()

    async def received(self) -> Sequence[Mail]:
        return ...  # what has arrived since the test began
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from baukasten_core.contracts.mail import Mail, Mailer

TEXT = "Grüße, ¡hola! 日本語\n\n.\n..\nFrom here on\nhttps://example.test/verify#token=a_b-c\n"


class MailContract:
    """What every mailer promises."""

    @pytest.fixture
    def mailer(self) -> Mailer:
        """The mailer under test."""
        raise NotImplementedError("give the fixture `mailer`")

    async def received(self) -> Sequence[Mail]:
        """The mails that have arrived since the test began, in order."""
        raise NotImplementedError("give the method `received`")

    async def test_is_a_mailer_that_says_where_mail_goes(self, mailer: Mailer) -> None:
        assert isinstance(mailer, Mailer)
        assert mailer.name == mailer.name.lower() != ""
        assert mailer.server is None or mailer.server.strip()

    async def test_a_mail_arrives_as_it_was_written(self, mailer: Mailer) -> None:
        mail = Mail("somebody@example.test", "Bestätigung für Sie: ¿sí?", TEXT)
        await mailer.send(mail)
        (arrived,) = await self.received()
        assert (arrived.to, arrived.subject) == (mail.to, mail.subject)
        assert arrived.text.replace("\r\n", "\n").strip() == TEXT.strip()

    async def test_long_lines_keep_their_links_whole(self, mailer: Mailer) -> None:
        link = "https://example.test/" + "x" * 2000
        await mailer.send(Mail("somebody@example.test", "s" * 200, f"before {link} after"))
        (arrived,) = await self.received()
        assert link in arrived.text
        assert arrived.subject == "s" * 200

    async def test_mails_at_the_same_time_all_arrive(self, mailer: Mailer) -> None:
        mails = [Mail(f"user{n}@example.test", f"number {n}", f"text {n}") for n in range(5)]
        await asyncio.gather(*(mailer.send(mail) for mail in mails))
        arrived = {(mail.to, mail.text.strip()) for mail in await self.received()}
        assert arrived == {(mail.to, mail.text) for mail in mails}
