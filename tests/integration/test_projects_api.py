"""`/projects`, over HTTP, on a real PostgreSQL."""

from __future__ import annotations

from uuid import uuid4

import httpx

from baukasten_core.testing.fixtures_app import SignedIn


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
        *("id", "user_id", "name", "type", "description", "config", "created_at", "updated_at")
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
