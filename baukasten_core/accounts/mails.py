"""Mails about accounts: durable jobs, so that none is lost when a process or the mail server is.

What asks for a mail does the same work whether or not an address has an account, so that nobody
can tell from the answer or its time. A token is made when its mail is sent and is nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Literal
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncSession

from baukasten_core.accounts.invitations import LIFETIME, find_invitation, renew_token
from baukasten_core.accounts.mail_tokens import Purpose, create_mail_token
from baukasten_core.accounts.models import User
from baukasten_core.accounts.throttle import take_attempt
from baukasten_core.accounts.users import find_user
from baukasten_core.contracts.auth import Principal, Scope, Transactions
from baukasten_core.contracts.mail import Mail, Mailer
from baukasten_core.gateway.residency import (
    LOCAL,
    UNDECLARED,
    Destination,
    region_of,
    require_allowed,
)
from baukasten_core.jobs import Handler, Jobs
from baukasten_core.render.messages import translate

MOST_IN_AN_HOUR = 5

LinkMail = Literal["verify", "reset", "welcome"]
"""`welcome` goes to whom an admin made an account for: the same link as `reset`, other words."""

PURPOSES: Mapping[LinkMail, Purpose] = {"verify": "verify", "reset": "reset", "welcome": "reset"}
PAGES: Mapping[Purpose, str] = {"verify": "verify", "reset": "reset-password"}
LINK_JOBS: Mapping[LinkMail, str] = {
    "verify": "core.mail_verify",
    "reset": "core.mail_reset",
    "welcome": "core.mail_welcome",
}
INVITATION_JOB = "core.mail_invitation"


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
        return f"{self.public_url}/console/{page}#token={token}"

    async def send(self, to: str, language: str, kind: str, **values: object) -> None:
        """Send a mail of a kind that the catalogues know; raises what the mailer raises."""
        subject = translate(language, f"mail.{kind}.subject", title=self.title, **values)
        body = translate(language, f"mail.{kind}.text", title=self.title, **values)
        await self._guard()
        await self.mailer.send(Mail(to, " ".join(subject.split()), body))

    async def _guard(self) -> None:
        """Mails about accounts hold an address and a link, nothing of a tenant's data, so they may
        go to any server whose region the operator has declared."""
        server, name = self.mailer.server, self.mailer.name
        region = LOCAL if server is None else region_of(f"http://{server}", self.mailer.region)
        destination = Destination("mail", name, region, "mail.options.region")
        await require_allowed(destination, frozenset({region}) - {UNDECLARED})


# --- asking for a mail ------------------------------------------------------------------------


async def queue_link(session: AsyncSession, jobs: Jobs, email: str, kind: LinkMail) -> None:
    """Have the link mailed that verifies an address or resets its password.

    Nothing comes of it for an unknown address (its job finds nobody), one that is verified
    already, or the sixth mail within an hour.
    """
    what, hour = f"mail|{kind}|{email}", timedelta(hours=1)
    if await take_attempt(session, what, limit=MOST_IN_AN_HOUR, window=hour):
        return
    user = await find_user(session, email)
    await jobs.enqueue(session, Scope(user.user_id if user else uuid4()), LINK_JOBS[kind])


async def queue_invitation(
    session: AsyncSession, jobs: Jobs, inviter: Principal, invitation_id: UUID
) -> None:
    """Have an invitation mailed to its address."""
    await jobs.enqueue(session, inviter, INVITATION_JOB, invitation_id=invitation_id)


# --- sending it, in the worker ----------------------------------------------------------------


def mail_handlers(
    database: Transactions, room: MailRoom, *, link_lifetime: timedelta
) -> Mapping[str, Handler]:
    """The jobs that mail. A server that is down is tried again for hours."""
    lifetimes = {"welcome": LIFETIME}
    links = {
        job: Handler(partial(_mail_link, database, room, kind, lifetimes.get(kind, link_lifetime)))
        for kind, job in LINK_JOBS.items()
    }
    return {**links, INVITATION_JOB: Handler(partial(_mail_invitation, database, room))}


async def _mail_link(
    database: Transactions, room: MailRoom, kind: LinkMail, lifetime: timedelta, scope: Scope
) -> None:
    purpose = PURPOSES[kind]
    async with database.transaction(scope) as session:
        user = await session.get(User, scope.user_id)
        if user is None or not _wanted(user, purpose):
            return
        token = await create_mail_token(session, user.id, purpose, lifetime=lifetime)
        # The token's foreign key holds the address as it is now: whoever changes it next waits
        # for this to commit, and makes the token void.
        await session.refresh(user)
        email, language = user.email, user.language
    link = room.link(PAGES[purpose], token)
    minutes = int(lifetime.total_seconds() // 60)
    await room.send(email, language, kind, link=link, minutes=minutes, days=lifetime.days)


async def _mail_invitation(
    database: Transactions, room: MailRoom, scope: Scope, invitation_id: UUID
) -> None:
    """In the language of whoever has the address, else the inviter's."""
    async with database.transaction(scope) as session:
        found = await find_invitation(session, scope, invitation_id)
        if found is None:
            return
        invited = await find_user(session, found.email)
        token = await renew_token(session, found.invitation)
    await room.send(
        found.email,
        invited.language if invited else found.language,
        "invitation",
        link=room.link("invitation", token),
        inviter=found.inviter,
        tenant=found.tenant,
        days=LIFETIME.days,
    )


def _wanted(user: User, purpose: Purpose) -> bool:
    return user.is_active and not (purpose == "verify" and user.is_verified)
