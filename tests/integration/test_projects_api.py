"""`/projects`, over HTTP, on a real PostgreSQL."""

from __future__ import annotations

from uuid import UUID, uuid4

import httpx
import psycopg

from baukasten_core.testing.fixtures_app import SignedIn
from baukasten_core.testing.fixtures_db import DatabaseUrls


async def create(client: httpx.AsyncClient, user: SignedIn, **changes: object) -> httpx.Response:
    body = {"name": "Library", "type": "other", **changes}
    return await client.post("/projects", json=body, headers=user.headers)


async def test_a_project_is_created_with_every_field(
    client: httpx.AsyncClient, user: SignedIn
) -> None:
    response = await create(client, user, description="d", config={"a": 1})
    assert response.status_code == 201
    body = response.json()
    assert set(body) == {
        *("id", "user_id", "name", "type", "description", "config", "residency"),
        *("created_at", "updated_at"),
    }
    assert body["user_id"] == str(user.id)
    assert body["created_at"].endswith(("Z", "+00:00"))


async def test_an_unknown_type_is_refused_and_the_installed_ones_are_listed(
    client: httpx.AsyncClient, user: SignedIn
) -> None:
    response = await create(client, user, type="nonsense")
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    assert "other" in response.json()["detail"]


async def test_the_newest_change_comes_first_and_pages_follow_the_link(
    client: httpx.AsyncClient, user: SignedIn
) -> None:
    ids = [(await create(client, user, name=str(i))).json()["id"] for i in range(5)]
    await client.patch(f"/projects/{ids[0]}", json={"name": "changed"}, headers=user.headers)
    seen, url = [], "/projects?limit=2"
    while url:
        response = await client.get(url, headers=user.headers)
        seen += [project["id"] for project in response.json()]
        url = response.links.get("next", {}).get("url", "")
    assert seen == [ids[0], *reversed(ids[1:])]


async def test_a_stranger_gets_404_for_every_call(
    client: httpx.AsyncClient, user: SignedIn, other_user: SignedIn
) -> None:
    url = f"/projects/{(await create(client, user)).json()['id']}"
    for response in (
        await client.get(url, headers=other_user.headers),
        await client.patch(url, json={"name": "x"}, headers=other_user.headers),
        await client.delete(url, headers=other_user.headers),
    ):
        assert response.status_code == 404
        assert response.json()["detail"] == "Project not found"


async def test_a_deleted_project_is_gone(client: httpx.AsyncClient, user: SignedIn) -> None:
    url = f"/projects/{(await create(client, user)).json()['id']}"
    assert (await client.delete(url, headers=user.headers)).status_code == 204
    assert (await client.get(url, headers=user.headers)).status_code == 404


async def test_without_a_token_or_with_a_wrong_one_it_is_401(client: httpx.AsyncClient) -> None:
    for headers in ({}, {"Authorization": "Bearer nonsense"}):
        response = await client.get("/projects", headers=headers)
        assert response.status_code == 401
        assert response.headers["www-authenticate"] == "Bearer"


async def test_a_tenant_that_is_not_mine_is_refused(
    client: httpx.AsyncClient, user: SignedIn, other_user: SignedIn
) -> None:
    for tenant in (str(other_user.principal.tenant_id), str(uuid4())):
        response = await client.get("/projects", headers={**user.headers, "X-Tenant": tenant})
        assert response.status_code == 403


async def test_a_made_up_cursor_is_400(client: httpx.AsyncClient, user: SignedIn) -> None:
    response = await client.get("/projects?cursor=nonsense", headers=user.headers)
    assert response.status_code == 400


async def test_members_work_in_a_project_its_creator_and_admins_change_it(
    client: httpx.AsyncClient,
    database_urls: DatabaseUrls,
    user: SignedIn,
    other_user: SignedIn,
) -> None:
    url = f"/projects/{(await create(client, user, name='Hers')).json()['id']}"
    tenant = user.principal.tenant_id
    guest = {**other_user.headers, "X-Tenant": str(tenant)}
    await join(database_urls, tenant, other_user, "member")
    theirs = await client.post("/projects", json={"name": "T", "type": "other"}, headers=guest)
    assert (await client.get(url, headers=guest)).json()["name"] == "Hers"
    body = {"content": "A note of a guest.", "project_id": url.removeprefix("/projects/")}
    assert (await client.post("/documents/text", json=body, headers=guest)).status_code == 201
    for response in (
        await client.patch(url, json={"name": "His"}, headers=guest),
        await client.patch(url, json={"residency": ["local"]}, headers=guest),
        await client.delete(url, headers=guest),
    ):
        assert response.status_code == 403
        assert "Only its creator or an admin" in response.json()["detail"]
    assert (await client.get(url, headers=user.headers)).json()["name"] == "Hers"

    own = f"/projects/{theirs.json()['id']}"
    assert (await client.patch(own, json={"name": "U"}, headers=guest)).status_code == 200
    assert (await client.patch(own, json={"name": "V"}, headers=user.headers)).status_code == 200
    await join(database_urls, tenant, other_user, "admin")
    assert (await client.patch(url, json={"name": "Ours"}, headers=guest)).status_code == 200
    assert (await client.delete(url, headers=guest)).status_code == 204


async def join(urls: DatabaseUrls, tenant: UUID, user: SignedIn, role: str) -> None:
    async with await psycopg.AsyncConnection.connect(urls.owner) as connection:
        await connection.execute(
            "INSERT INTO core.memberships (tenant_id, user_id, role) VALUES (%s, %s, %s)"
            " ON CONFLICT (tenant_id, user_id) DO UPDATE SET role = excluded.role",
            [tenant, user.id, role],
        )
