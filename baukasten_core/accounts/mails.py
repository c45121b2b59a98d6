"""Mails about accounts. They are sent after the answer, so that nobody can tell from it (or from
its time) whether an address has an account."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from logging import getLogger

from baukasten_core.accounts.invitations import LIFETIME
from baukasten_core.accounts.mail_tokens import Purpose, create_mail_token
from baukasten_core.accounts.throttle import take_attempt
from baukasten_core.accounts.users import FoundUser, find_user
from baukasten_core.contracts.auth import Scope, Transactions
from baukasten_core.contracts.mail import Mail, Mailer
from baukasten_core.errors import BaukastenError
from baukasten_core.gateway.residency import (
    LOCAL,
    UNDECLARED,
    Destination,
    region_of,
    require_allowed,
)
from baukasten_core.render.messages import translate

log = getLogger(__name__)

MOST_IN_AN_HOUR = 5

PAGES = {"verify": "verify", "reset": "reset-password"}


@dataclass(frozen=True, slots=True)
class MailRoom:
    """What every mail needs: who sends it, what the platform is called, where its pages are.

    A link's token is in the fragment of its address, which browsers send to no server, so that
    it is in nobody's log.
    """

    mailer: Mailer
    public_url: str
    title: str

    def link(self, page: str, token: str) -> str:
        return f"{self.public_url}/{page}#token={token}"

    async def send(self, to: str, language: str, kind: str, **values: object) -> bool:
        """Send a mail of a kind that the catalogues know; False when the server does not take
        it, which is logged."""
        subject = translate(language, f"mail.{kind}.subject", title=self.title, **values)
        body = translate(language, f"mail.{kind}.text", title=self.title, **values)
        try:
            await self._guard()
            await self.mailer.send(Mail(to, " ".join(subject.split()), body))
        except BaukastenError as error:
            log.warning("mail not sent: kind=%s error=%s: %s", kind, error.type, error.detail)
            return False
        return True

    async def _guard(self) -> None:
        """Mails about accounts hold an address and a link, nothing of a tenant's data, so they may
        go to any server whose region the operator has declared."""
        server, name = self.mailer.server, self.mailer.name
        region = LOCAL if server is None else region_of(f"http://{server}", self.mailer.region)
        destination = Destination("mail", name, region, "mail.options.region")
        await require_allowed(destination, frozenset({region}) - {UNDECLARED})


async def mail_link(
    database: Transactions, room: MailRoom, email: str, purpose: Purpose, *, lifetime: timedelta
) -> None:
    """Mail the link that verifies an address or resets a password, if somebody has the address.

    Does nothing for an unknown address, one that is verified already, or the sixth mail within
    an hour.
    """
    token = ""
    async with database.transaction() as session:
        user = await find_user(session, email)
        wanted = user is not None and _wanted(user, purpose)
        if wanted:
            what, hour = f"mail|{purpose}|{email}", timedelta(hours=1)
            wanted = not await take_attempt(session, what, limit=MOST_IN_AN_HOUR, window=hour)
    if user is None or not wanted:
        return
    async with database.transaction(Scope(user.user_id)) as session:
        token = await create_mail_token(session, user.user_id, purpose, lifetime=lifetime)
    link = room.link(PAGES[purpose], token)
    minutes = int(lifetime.total_seconds() // 60)
    await room.send(email, user.language, purpose, link=link, minutes=minutes)


async def mail_invitation(
    database: Transactions,
    room: MailRoom,
    *,
    to: str,
    token: str,
    inviter: str,
    tenant: str,
    language: str,
) -> None:
    """Mail an invitation, in the language of whoever has the address, else the inviter's."""
    async with database.transaction() as session:
        user = await find_user(session, to)
    language = user.language if user else language
    link = room.link("invitation", token)
    await room.send(
        to, language, "invitation", link=link, inviter=inviter, tenant=tenant, days=LIFETIME.days
    )


def _wanted(user: FoundUser, purpose: Purpose) -> bool:
    return user.is_active and not (purpose == "verify" and user.is_verified)
