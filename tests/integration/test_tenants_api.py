"""Every row of the contract's Tenants and Admin tables, over HTTP, on a real PostgreSQL."""

from __future__ import annotations

import dataclasses
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest

from baukasten_core.services import Services
from baukasten_core.testing.fixtures_app import Outbox, SignedIn, sign_in
from baukasten_core.testing.fixtures_db import DatabaseUrls


def is_problem(response: httpx.Response, status: int, detail: str) -> None:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["detail"] == detail


async def make_tenant(client: httpx.AsyncClient, owner: SignedIn, **fields: Any) -> str:
    body = {"name": "A team", **fields}
    response = await client.post("/tenants", json=body, headers=owner.headers)
    assert response.status_code == 201, response.text
    tenant_id: str = response.json()["id"]
    return tenant_id


async def join(
    client: httpx.AsyncClient,
    outbox: Outbox,
    tenant_id: str,
    inviter: SignedIn,
    invited: SignedIn,
    role: str = "member",
) -> None:
    body = {"email": invited.principal.email, "role": role}
    url = f"/tenants/{tenant_id}/invitations"
    response = await client.post(url, json=body, headers=inviter.headers)
    assert response.status_code == 201, response.text
    token = {"token": await outbox.token(invited.principal.email)}
    response = await client.post("/tenants/invitations/accept", json=token, headers=invited.headers)
    assert response.status_code == 200, response.text
    assert response.json()["role"] == role


async def roles(client: httpx.AsyncClient, tenant_id: str, user: SignedIn) -> dict[str, str]:
    response = await client.get(f"/tenants/{tenant_id}/members", headers=user.headers)
    assert response.status_code == 200
    return {row["email"]: row["role"] for row in response.json()}


# --- tenants ------------------------------------------------------------------------------


async def test_my_tenants_are_listed_with_my_role_the_personal_one_first(
    client: httpx.AsyncClient, user: SignedIn
) -> None:
    team = await make_tenant(client, user, residency=["local", "eu"])
    rows = (await client.get("/tenants", headers=user.headers)).json()
    assert [row["personal"] for row in rows] == [True, False]
    assert rows[0]["id"] == str(user.principal.tenant_id)
    assert rows[1]["id"] == team
    assert rows[1]["role"] == "owner"
    assert rows[1]["residency"] == ["local", "eu"]


async def test_the_header_chooses_the_tenant_and_the_personal_one_is_the_default(
    client: httpx.AsyncClient, user: SignedIn
) -> None:
    team = {**user.headers, "X-Tenant": await make_tenant(client, user)}
    project = {"name": "in the team", "type": "other"}
    assert (await client.post("/projects", json=project, headers=team)).status_code == 201
    assert len((await client.get("/projects", headers=team)).json()) == 1
    assert (await client.get("/projects", headers=user.headers)).json() == []


async def test_a_stranger_finds_no_tenant(
    client: httpx.AsyncClient, user: SignedIn, other_user: SignedIn
) -> None:
    tenant_id = await make_tenant(client, user)
    for method, path, body in (
        ("GET", "", None),
        ("PATCH", "", {"name": "mine"}),
        ("GET", "/members", None),
        ("PATCH", f"/members/{user.id}", {"role": "member"}),
        ("DELETE", f"/members/{user.id}", None),
        ("DELETE", "/members/me", None),
        ("GET", "/invitations", None),
        ("POST", "/invitations", {"email": "x@example.test"}),
        ("DELETE", f"/invitations/{uuid4()}", None),
    ):
        url = f"/tenants/{tenant_id}{path}"
        response = await client.request(method, url, json=body, headers=other_user.headers)
        is_problem(response, 404, "Tenant not found")
    headers = {**other_user.headers, "X-Tenant": tenant_id}
    assert (await client.get("/projects", headers=headers)).status_code == 403


async def test_owners_change_a_tenant_and_others_do_not(
    client: httpx.AsyncClient, outbox: Outbox, user: SignedIn, other_user: SignedIn
) -> None:
    tenant_id = await make_tenant(client, user)
    url, change = f"/tenants/{tenant_id}", {"name": "New name", "residency": ["eu"]}
    response = await client.patch(url, json=change, headers=user.headers)
    assert response.status_code == 200
    assert response.json()["name"] == "New name"
    assert response.json()["residency"] == ["eu"]
    await join(client, outbox, tenant_id, user, other_user, "admin")
    response = await client.patch(url, json=change, headers=other_user.headers)
    assert response.status_code == 403


@pytest.mark.parametrize(
    "body",
    [{"name": ""}, {"name": "  "}, {"name": "a\u0000"}, {"name": "x", "residency": ["E U"]}, {}],
)
async def test_a_tenant_that_cannot_be_is_422(
    client: httpx.AsyncClient, user: SignedIn, body: dict[str, Any]
) -> None:
    response = await client.post("/tenants", json=body, headers=user.headers)
    assert response.status_code == 422


# --- members ------------------------------------------------------------------------------


async def test_an_invitation_by_mail_makes_a_member_once(
    client: httpx.AsyncClient, outbox: Outbox, user: SignedIn, other_user: SignedIn
) -> None:
    tenant_id = await make_tenant(client, user)
    await join(client, outbox, tenant_id, user, other_user)
    mail = await outbox.last(other_user.principal.email)
    assert "A team" in mail.subject
    assert user.principal.email in mail.text
    members = await roles(client, tenant_id, other_user)
    assert members == {user.principal.email: "owner", other_user.principal.email: "member"}
    token = {"token": await outbox.token(other_user.principal.email)}
    again = await client.post("/tenants/invitations/accept", json=token, headers=other_user.headers)
    is_problem(again, 400, "INVITATION_BAD_TOKEN")
    headers = {**other_user.headers, "X-Tenant": tenant_id}
    assert (await client.get("/projects", headers=headers)).status_code == 200


async def test_an_invitation_is_for_the_address_it_was_sent_to(
    client: httpx.AsyncClient,
    outbox: Outbox,
    user: SignedIn,
    other_user: SignedIn,
    admin: SignedIn,
) -> None:
    tenant_id = await make_tenant(client, user)
    url, body = f"/tenants/{tenant_id}/invitations", {"email": other_user.principal.email}
    made = (await client.post(url, json=body, headers=user.headers)).json()
    token = {"token": await outbox.token(other_user.principal.email)}
    accept = "/tenants/invitations/accept"
    response = await client.post(accept, json=token, headers=admin.headers)
    assert response.status_code == 403
    # A second invitation replaces the first, and one that is taken back works no more.
    second = (await client.post(url, json=body, headers=user.headers)).json()
    assert second["id"] != made["id"]
    response = await client.post(accept, json=token, headers=other_user.headers)
    assert response.status_code == 400
    listed = (await client.get(url, headers=user.headers)).json()
    assert [row["id"] for row in listed] == [second["id"]]
    back = await client.delete(f"{url}/{second['id']}", headers=user.headers)
    assert back.status_code == 204
    token = {"token": await outbox.token(other_user.principal.email)}
    response = await client.post(accept, json=token, headers=other_user.headers)
    assert response.status_code == 400


async def test_who_may_invite_whom(
    client: httpx.AsyncClient,
    outbox: Outbox,
    user: SignedIn,
    other_user: SignedIn,
    admin: SignedIn,
) -> None:
    tenant_id = await make_tenant(client, user)
    await join(client, outbox, tenant_id, user, other_user, "member")
    await join(client, outbox, tenant_id, user, admin, "admin")
    url = f"/tenants/{tenant_id}/invitations"

    async def invite(inviter: SignedIn, role: str, email: str = "new@example.test") -> int:
        body = {"email": email, "role": role}
        return (await client.post(url, json=body, headers=inviter.headers)).status_code

    assert await invite(other_user, "member") == 403
    assert await invite(admin, "owner") == 403
    assert await invite(admin, "member") == 201
    assert await invite(user, "member", other_user.principal.email) == 409
    personal = f"/tenants/{user.principal.tenant_id}/invitations"
    response = await client.post(personal, json={"email": "a@b.test"}, headers=user.headers)
    assert response.status_code == 409
    assert (await client.get(url, headers=other_user.headers)).status_code == 403


async def test_roles_change_within_the_rules(
    client: httpx.AsyncClient,
    outbox: Outbox,
    user: SignedIn,
    other_user: SignedIn,
    admin: SignedIn,
) -> None:
    tenant_id = await make_tenant(client, user)
    await join(client, outbox, tenant_id, user, other_user, "member")
    await join(client, outbox, tenant_id, user, admin, "admin")

    async def change(by: SignedIn, of: SignedIn, role: str) -> int:
        url = f"/tenants/{tenant_id}/members/{of.id}"
        return (await client.patch(url, json={"role": role}, headers=by.headers)).status_code

    assert await change(other_user, other_user, "owner") == 403
    assert await change(admin, admin, "owner") == 403
    assert await change(admin, user, "member") == 403
    assert await change(admin, other_user, "admin") == 204
    assert await change(user, user, "member") == 409
    assert await change(user, other_user, "owner") == 204
    assert await change(user, user, "member") == 204
    assert await change(user, sign_in_nobody(user), "member") == 404
    members = await roles(client, tenant_id, user)
    assert members[other_user.principal.email] == "owner"
    assert members[user.principal.email] == "member"


def sign_in_nobody(user: SignedIn) -> SignedIn:
    principal = dataclasses.replace(user.principal, user_id=uuid4())
    return dataclasses.replace(user, principal=principal)


async def test_members_leave_and_are_taken_out_and_lose_access_and_keys(
    client: httpx.AsyncClient,
    outbox: Outbox,
    user: SignedIn,
    other_user: SignedIn,
    admin: SignedIn,
) -> None:
    tenant_id = await make_tenant(client, user)
    for member in (other_user, admin):
        await join(client, outbox, tenant_id, user, member)
    headers = {**other_user.headers, "X-Tenant": tenant_id}
    made = await client.post("/auth/api-keys", json={"name": "k"}, headers=headers)
    key = {"Authorization": f"Bearer {made.json()['key']}"}
    assert (await client.get("/projects", headers=key)).status_code == 200
    members = f"/tenants/{tenant_id}/members"
    response = await client.delete(f"{members}/{admin.id}", headers=other_user.headers)
    assert response.status_code == 403
    response = await client.delete(f"{members}/me", headers=other_user.headers)
    assert response.status_code == 204
    assert (await client.get("/projects", headers=headers)).status_code == 403
    assert (await client.get("/projects", headers=key)).status_code == 401
    response = await client.delete(f"{members}/{admin.id}", headers=user.headers)
    assert response.status_code == 204
    assert (await client.delete(f"{members}/me", headers=user.headers)).status_code == 409


# --- admin --------------------------------------------------------------------------------

STATS = {
    *("total_users", "admin_users", "regular_users", "total_projects", "total_documents"),
    *("total_chats", "system_health", "usage"),
}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/admin/stats"),
        ("GET", "/admin/users"),
        ("GET", "/admin/users/{id}"),
        ("PATCH", "/admin/users/{id}"),
        ("DELETE", "/admin/users/{id}"),
    ],
)
async def test_admin_calls_are_for_admins(
    client: httpx.AsyncClient, user: SignedIn, method: str, path: str
) -> None:
    url = path.format(id=user.id)
    body = {"is_admin": True} if method == "PATCH" else None
    response = await client.request(method, url, json=body, headers=user.headers)
    is_problem(response, 403, "Admin privileges required")
    assert (await client.request(method, url, json=body)).status_code == 401
    assert (await client.get("/auth/me", headers=user.headers)).json()["is_admin"] is False


async def test_stats_count_the_whole_platform(
    client: httpx.AsyncClient, admin: SignedIn, user: SignedIn
) -> None:
    before = (await client.get("/admin/stats", headers=admin.headers)).json()
    assert before.keys() == STATS
    await client.post("/projects", json={"name": "p", "type": "other"}, headers=user.headers)
    after = (await client.get("/admin/stats", headers=admin.headers)).json()
    assert after["total_projects"] == before["total_projects"] + 1
    assert after["total_users"] == after["admin_users"] + after["regular_users"]
    assert after["system_health"] in ("healthy", "degraded")


async def test_users_are_searched_and_paged(
    client: httpx.AsyncClient, admin: SignedIn, services: Services, database_urls: DatabaseUrls
) -> None:
    made = [sign_in(services, database_urls) for _ in range(5)]
    seen: list[str] = []
    url = "/admin/users?limit=2"
    while url:
        response = await client.get(url, headers=admin.headers)
        assert response.status_code == 200
        assert len(response.json()) <= 2
        seen += [row["id"] for row in response.json()]
        url = response.links.get("next", {}).get("url", "")
    assert len(seen) == len(set(seen))
    assert {str(user.id) for user in made} <= set(seen)
    assert seen[:5] == [str(user.id) for user in reversed(made)]
    wanted = made[2].principal.email
    response = await client.get(
        "/admin/users", params={"search": wanted.upper()}, headers=admin.headers
    )
    assert [row["email"] for row in response.json()] == [wanted]
    response = await client.get("/admin/users", params={"search": "%"}, headers=admin.headers)
    assert response.json() == []


@pytest.mark.parametrize("base", ["/admin/users", "/users"])
async def test_admins_see_and_change_accounts(
    client: httpx.AsyncClient, admin: SignedIn, user: SignedIn, base: str
) -> None:
    url = f"{base}/{user.id}"
    response = await client.get(url, headers=admin.headers)
    assert response.status_code == 200
    assert response.json()["email"] == user.principal.email
    promoted = await client.patch(url, json={"is_superuser": True}, headers=admin.headers)
    assert promoted.status_code == 200
    assert (promoted.json()["is_admin"], promoted.json()["is_superuser"]) == (True, True)
    demoted = await client.patch(url, json={"is_admin": False}, headers=admin.headers)
    assert demoted.json()["is_admin"] is False
    taken = {"email": admin.principal.email}
    response = await client.patch(url, json=taken, headers=admin.headers)
    is_problem(response, 400, "UPDATE_USER_EMAIL_ALREADY_EXISTS")
    off = await client.patch(url, json={"is_active": False}, headers=admin.headers)
    assert off.json()["is_active"] is False
    assert (await client.get("/auth/me", headers=user.headers)).status_code == 401
    assert (await client.delete(url, headers=admin.headers)).status_code == 204
    for method in ("GET", "PATCH", "DELETE"):
        body = {} if method == "PATCH" else None
        response = await client.request(method, url, json=body, headers=admin.headers)
        is_problem(response, 404, "User not found")


@pytest.mark.parametrize("base", ["/admin/users", "/users"])
async def test_nobody_deletes_their_own_account_as_an_admin(
    client: httpx.AsyncClient, admin: SignedIn, base: str
) -> None:
    response = await client.delete(f"{base}/{admin.id}", headers=admin.headers)
    is_problem(response, 400, "Cannot delete your own account")


async def test_the_last_admin_stays_one(
    client: httpx.AsyncClient, admin: SignedIn, database_urls: DatabaseUrls
) -> None:
    with psycopg.connect(database_urls.owner) as connection:
        query = "UPDATE core.users SET is_admin = false WHERE id <> %s"
        connection.execute(query, [admin.id])
    url = f"/admin/users/{admin.id}"
    for change in ({"is_admin": False}, {"is_superuser": False}, {"is_active": False}):
        response = await client.patch(url, json=change, headers=admin.headers)
        assert response.status_code == 400
        assert "last admin" in response.json()["detail"]
    assert (await client.get("/auth/me", headers=admin.headers)).json()["is_admin"] is True


async def test_a_demoted_admin_is_none_at_once(
    client: httpx.AsyncClient, admin: SignedIn, services: Services, database_urls: DatabaseUrls
) -> None:
    other = sign_in(services, database_urls)
    url = f"/admin/users/{other.id}"
    await client.patch(url, json={"is_admin": True}, headers=admin.headers)
    assert (await client.get("/admin/users", headers=other.headers)).status_code == 200
    await client.patch(url, json={"is_admin": False}, headers=admin.headers)
    assert (await client.get("/admin/users", headers=other.headers)).status_code == 403


async def test_what_changes_rights_is_in_the_audit_log_without_anybodys_address(
    client: httpx.AsyncClient,
    outbox: Outbox,
    admin: SignedIn,
    user: SignedIn,
    other_user: SignedIn,
) -> None:
    tenant_id = await make_tenant(client, user)
    await join(client, outbox, tenant_id, user, other_user)
    await client.patch(f"/tenants/{tenant_id}", json={"residency": ["eu"]}, headers=user.headers)
    member = f"/tenants/{tenant_id}/members/{other_user.id}"
    await client.patch(member, json={"role": "admin"}, headers=user.headers)
    await client.delete(member, headers=user.headers)
    key = await client.post("/auth/api-keys", json={"name": "k"}, headers=user.headers)
    await client.delete(f"/auth/api-keys/{key.json()['id']}", headers=user.headers)
    await client.patch(f"/users/{user.id}", json={"is_admin": True}, headers=admin.headers)
    response = await client.get("/admin/audit", headers=admin.headers)
    entries = [
        (entry["action"], entry["user_id"])
        for entry in response.json()
        if entry["user_id"] in (str(user.id), str(other_user.id), str(admin.id))
    ]
    assert entries == [
        ("user.changed", str(admin.id)),
        ("api_key.deleted", str(user.id)),
        ("api_key.created", str(user.id)),
        ("member.removed", str(user.id)),
        ("member.role_changed", str(user.id)),
        ("tenant.residency_changed", str(user.id)),
        ("member.joined", str(other_user.id)),
        ("member.invited", str(user.id)),
    ]
    assert "@" not in response.text
