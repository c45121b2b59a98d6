"""The contract's rows about tenants."""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

import pytest

from baukasten_core.testing.inbox import Inbox
from baukasten_core.testing.people import Person

pytestmark = pytest.mark.deployment

Problem = Callable[..., dict]
Newcomer = Callable[..., Person]


def family(person: Person, name: str = "A family") -> str:
    return str(person.post("/tenants", {"name": name}, 201).json()["id"])


def joined(inbox: Inbox, host: Person, guest: Person, role: str = "member") -> str:
    """A tenant of `host` that `guest` has joined by the mailed link."""
    tenant = family(host)
    inbox.wait_for(guest.email)  # the one that verifies the address
    mails = len(inbox.to(guest.email))
    body = {"email": guest.email, "role": role}
    host.post(f"/tenants/{tenant}/invitations", body, 201)
    token = inbox.token(guest.email, mails + 1)
    assert guest.post("/tenants/invitations/accept", {"token": token}).json()["role"] == role
    return tenant


def test_everybody_has_a_personal_tenant_and_owns_it(newcomer: Newcomer) -> None:
    (mine,) = newcomer().get("/tenants").json()
    assert (mine["role"], mine["personal"], mine["residency"]) == ("owner", True, ["local"])


def test_a_new_tenant_is_listed_after_the_personal_one(newcomer: Newcomer) -> None:
    person = newcomer()
    made = family(person)
    listed = person.get("/tenants").json()
    assert [(row["id"] == made, row["personal"]) for row in listed] == [
        (False, True),
        (True, False),
    ]
    assert listed[1]["role"] == "owner"


def test_an_invitation_is_mailed_and_accepted(newcomer: Newcomer, inbox: Inbox) -> None:
    host, guest = newcomer(), newcomer()
    tenant = joined(inbox, host, guest)
    members = {row["email"]: row["role"] for row in host.get(f"/tenants/{tenant}/members").json()}
    assert members == {host.email: "owner", guest.email: "member"}
    assert host.get(f"/tenants/{tenant}/invitations").json() == []


def test_the_header_x_tenant_chooses_and_the_personal_one_is_the_default(
    newcomer: Newcomer, inbox: Inbox
) -> None:
    host, guest = newcomer(), newcomer()
    tenant = joined(inbox, host, guest)
    here = {"X-Tenant": tenant}
    body = {"name": "Shared", "type": "other"}
    shared = host.post("/projects", body, 201, headers=here).json()["id"]
    private = host.project(name="Mine alone")
    assert [row["id"] for row in guest.get("/projects", headers=here).json()] == [shared]
    assert guest.get("/projects").json() == []
    assert [row["id"] for row in host.get("/projects").json()] == [private]


def test_a_tenant_of_others_is_refused(ada: Person, bob: Person, problem: Problem) -> None:
    tenant = family(ada)
    problem(bob.get("/projects", None, headers={"X-Tenant": tenant}), 403)
    problem(bob.get("/projects", None, headers={"X-Tenant": str(uuid4())}), 403)
    for path in ("members", "invitations"):
        problem(bob.get(f"/tenants/{tenant}/{path}", None), 404)
    body = {"email": bob.email, "role": "owner"}
    problem(bob.post(f"/tenants/{tenant}/invitations", body, None), 404)


def test_members_may_not_invite(newcomer: Newcomer, inbox: Inbox, problem: Problem) -> None:
    host, guest = newcomer(), newcomer()
    tenant = joined(inbox, host, guest)
    body = {"email": "third@example.test"}
    problem(guest.post(f"/tenants/{tenant}/invitations", body, None), 403)


def test_who_leaves_sees_nothing_any_more_and_one_owner_stays(
    newcomer: Newcomer, inbox: Inbox, problem: Problem
) -> None:
    host, guest = newcomer(), newcomer()
    tenant = joined(inbox, host, guest)
    guest.delete(f"/tenants/{tenant}/members/me")
    problem(guest.get("/projects", None, headers={"X-Tenant": tenant}), 403)
    problem(host.delete(f"/tenants/{tenant}/members/me", None), 409)
