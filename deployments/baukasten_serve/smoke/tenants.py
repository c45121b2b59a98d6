"""Tenants. One that is made goes with its only member, so there must be an account to delete."""

from __future__ import annotations

import secrets

from baukasten_serve.smoke.session import Session


def mine(session: Session) -> None:
    """GET /tenants, and the header X-Tenant."""
    (personal,) = [row for row in session.json("GET", "/tenants") if row["personal"]]
    session.check(personal["role"] == "owner")
    session.call("GET", "/projects", headers={"X-Tenant": personal["id"]})
    session.call("GET", f"/tenants/{personal['id']}/members")
    session.call("GET", f"/tenants/{personal['id']}/invitations")


def shared(session: Session) -> None:
    """POST /tenants; its members and invitations."""
    made = session.json("POST", "/tenants", 201, json={"name": "Smoke"})
    path = f"/tenants/{made['id']}"
    (member,) = session.json("GET", f"{path}/members")
    session.check((member["email"], member["role"]) == (session.email.lower(), "owner"))
    guest = {"email": f"guest-{secrets.token_hex(6)}@example.com"}
    session.call("POST", f"{path}/invitations", 201, json=guest)
    (invitation,) = session.json("GET", f"{path}/invitations")
    session.call("DELETE", f"{path}/invitations/{invitation['id']}", 204)
    session.check(session.json("GET", f"{path}/invitations") == [])
