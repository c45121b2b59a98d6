"""Mail through an SMTP server, by the standard library in a thread."""

from __future__ import annotations

import asyncio
import smtplib
import socket
import ssl
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate, make_msgid, parseaddr
from typing import Literal

from pydantic import Field, SecretStr

from baukasten_core.contracts.mail import Mail
from baukasten_core.contracts.provider import ProviderConfig
from baukasten_core.errors import ProviderRejected, ProviderTimeout, ProviderUnavailable


class SmtpConfig(ProviderConfig):
    """An SMTP server, and who the mails come from."""

    host: str = Field(description="The server.")
    port: int = Field(587, ge=1, le=65535, description="Its port.")
    security: Literal["starttls", "tls", "none"] = Field(
        "starttls", description="`none` sends in the clear: for a server on this machine alone."
    )
    username: str | None = Field(None, description="Account at the server, where it wants one.")
    password: SecretStr | None = Field(None, description="Its password.")
    sender: str = Field(description="The address mails come from.")
    region: str | None = Field(
        None, description="Where the server stands; unset for one on this machine."
    )
    timeout: float = Field(15.0, gt=0, description="Seconds to wait for the server.")


def build(config: SmtpConfig) -> SmtpMailer:
    return SmtpMailer(config)


class SmtpMailer:
    """Each mail has a connection of its own: they are few."""

    name = "smtp"

    def __init__(self, config: SmtpConfig) -> None:
        self._config = config
        self.server: str | None = config.host
        self.region: str | None = config.region

    async def send(self, mail: Mail) -> None:
        await asyncio.to_thread(self._send, self._message(mail))

    def _message(self, mail: Mail) -> EmailMessage:
        message = EmailMessage(policy=SMTP)
        try:
            message["From"] = self._config.sender
            message["To"] = mail.to
            message["Subject"] = mail.subject
        except ValueError:
            raise ProviderRejected("A mail's address or subject has a line break.") from None
        message["Date"] = formatdate()
        message["Message-ID"] = make_msgid(domain=self._config.sender.rpartition("@")[2])
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(mail.text)
        return message

    def _send(self, message: EmailMessage) -> None:
        where = f"The mail server {self._config.host}:{self._config.port}"
        try:
            with self._connect() as server:
                server.sendmail(*_envelope(message))
        except TimeoutError:
            raise ProviderTimeout(f"{where} did not answer in time.") from None
        except (smtplib.SMTPRecipientsRefused, smtplib.SMTPSenderRefused):
            raise ProviderRejected(f"{where} refuses this sender or recipient.") from None
        except smtplib.SMTPAuthenticationError:
            raise ProviderUnavailable(f"{where} refuses our account.") from None
        except (smtplib.SMTPException, OSError) as error:
            raise ProviderUnavailable(
                f"{where} does not take the mail ({type(error).__name__})."
            ) from None

    def _connect(self) -> smtplib.SMTP:
        config = self._config
        # Named, because the library would else ask the DNS for our own name.
        where = (config.host, config.port, socket.gethostname())
        if config.security == "tls":
            context = ssl.create_default_context()
            server: smtplib.SMTP = smtplib.SMTP_SSL(*where, timeout=config.timeout, context=context)
        else:
            server = smtplib.SMTP(*where, timeout=config.timeout)
        try:
            if config.security == "starttls":
                server.starttls(context=ssl.create_default_context())
            if config.username and config.password:
                server.login(config.username, config.password.get_secret_value())
        except BaseException:
            server.close()
            raise
        return server


def _envelope(message: EmailMessage) -> tuple[str, str, bytes, tuple[str, ...]]:
    """What `sendmail` takes. (`send_message` would write `>From` where a line begins so.)"""
    sender, to = (parseaddr(str(message[name]))[1] for name in ("From", "To"))
    if (sender + to).isascii():
        return sender, to, message.as_bytes(), ()
    return sender, to, message.as_bytes(policy=SMTP.clone(utf8=True)), ("SMTPUTF8",)
