"""Limits over HTTP: set by those who may, obeyed by every call, settled when a process died."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest

from baukasten_core.services import Services
from baukasten_core.testing.emulators import OllamaEmulator
from baukasten_core.testing.fixtures_app import SignedIn
from baukasten_core.testing.fixtures_db import DatabaseUrls
from baukasten_core.upkeep import periodic_work

Client = httpx.AsyncClient
ASK = {"model": "ollama/tiny", "messages": [{"role": "user", "content": "Say something."}]}


async def limit(client: Client, user: SignedIn, subject: str = "tenant", **limits: Any) -> None:
    path = f"/tenants/{user.principal.tenant_id}/limits/{subject}"
    answer = await client.put(path, json=limits, headers=user.headers)
    assert answer.status_code == 204, answer.text


async def chat(client: Client, headers: dict[str, str], **changes: Any) -> httpx.Response:
    body = {**ASK, "max_tokens": 50, **changes}
    return await client.post("/v1/chat/completions", json=body, headers=headers)


async def test_a_budget_refuses_what_might_cost_more_than_is_left(
    client: Client, user: SignedIn, ollama: OllamaEmulator, services: Services
) -> None:
    await limit(client, user, tokens_per_month=200)
    assert (await chat(client, user.headers)).status_code == 200
    asked = len(ollama.requests)
    refused = await chat(client, user.headers, max_tokens=500)
    assert (refused.status_code, refused.json()["error"]["code"]) == (402, "budget")
    assert len(ollama.requests) == asked
    path = f"/tenants/{user.principal.tenant_id}/limits"
    (shown,) = (await client.get(path, headers=user.headers)).json()
    assert (shown["subject"], shown["tokens_per_month"]) == ("tenant", 200)
    assert 0 < shown["charged"]["tokens_per_month"] <= 200
    await client.delete(f"{path}/tenant", headers=user.headers)
    assert (await chat(client, user.headers, max_tokens=500)).status_code == 200


async def test_a_rate_is_429_with_when_to_come_back(
    client: Client, user: SignedIn, ollama: OllamaEmulator
) -> None:
    await limit(client, user, requests_per_minute=2)
    answers = [await chat(client, user.headers) for _ in range(3)]
    # A minute may have ended in between: then it was the fourth.
    answers.append(await chat(client, user.headers))
    last = answers[-1]
    assert last.status_code == 429
    assert 1 <= int(last.headers["Retry-After"]) <= 60


async def test_a_key_and_a_project_have_limits_of_their_own(
    client: Client, user: SignedIn, ollama: OllamaEmulator
) -> None:
    body = {"name": "key", "scopes": ["llm"]}
    made = (await client.post("/auth/api-keys", json=body, headers=user.headers)).json()
    project = {"name": "p", "type": "other"}
    made_project = await client.post("/projects", json=project, headers=user.headers)
    project_id = made_project.json()["id"]
    await limit(client, user, f"key:{made['id']}", tokens_per_month=10)
    await limit(client, user, f"project:{project_id}", tokens_per_month=10)
    key = {"Authorization": f"Bearer {made['key']}"}
    assert (await chat(client, key)).status_code == 402
    assert (await chat(client, user.headers, project_id=project_id)).status_code == 402
    assert (await chat(client, user.headers)).status_code == 200


async def test_members_and_keys_can_not_set_limits(
    client: Client, user: SignedIn, other_user: SignedIn, database_urls: DatabaseUrls
) -> None:
    tenant = user.principal.tenant_id
    path = f"/tenants/{tenant}/limits/tenant"
    assert (await client.put(path, json={}, headers=other_user.headers)).status_code == 404
    with psycopg.connect(database_urls.owner) as connection:
        connection.execute(
            "INSERT INTO core.memberships (tenant_id, user_id, role) VALUES (%s, %s, 'member')",
            [tenant, other_user.id],
        )
    assert (await client.put(path, json={}, headers=other_user.headers)).status_code == 403
    assert (await client.delete(path, headers=other_user.headers)).status_code == 403
    body = {"name": "key", "scopes": ["read", "write", "llm"]}
    made = (await client.post("/auth/api-keys", json=body, headers=user.headers)).json()
    key = {"Authorization": f"Bearer {made['key']}"}
    assert (await client.put(path, json={}, headers=key)).status_code == 403


@pytest.mark.parametrize(
    ("subject", "limits"),
    [
        ("nobody", {}),
        ("project:1", {}),
        ("tenant", {"tokens_per_month": -1}),
        ("tenant", {"tokens_per_month": 10**20}),
        ("tenant", {"tokens": 1}),
    ],
)
async def test_limits_that_make_no_sense_are_refused(
    client: Client, user: SignedIn, subject: str, limits: Any
) -> None:
    path = f"/tenants/{user.principal.tenant_id}/limits/{subject}"
    answer = await client.put(path, json=limits, headers=user.headers)
    assert answer.status_code == 422


# --- what a dead process held -----------------------------------------------------------------


def held(urls: DatabaseUrls, tenant_id: UUID, hours: float) -> UUID:
    """A lease of 70 that nobody has held for so long."""
    replica, values = uuid4(), {"tenant": tenant_id, "hours": hours}
    with psycopg.connect(urls.owner) as connection:
        connection.execute(
            "INSERT INTO core.llm_meters (tenant_id, meter, period, used) VALUES"
            " (%(tenant)s, 'tenant:tokens:month', date_trunc('month', now(), 'UTC'), 30)"
            " ON CONFLICT DO NOTHING",
            values,
        )
        connection.execute(
            "INSERT INTO core.llm_leases (tenant_id, meter, period, replica, amount, at) VALUES"
            " (%(tenant)s, 'tenant:tokens:month', date_trunc('month', now(), 'UTC'), %(replica)s,"
            " 70, now() - %(hours)s * interval '1 hour')",
            {**values, "replica": replica},
        )
    return replica


async def charged(client: Client, user: SignedIn) -> int:
    path = f"/tenants/{user.principal.tenant_id}/limits"
    (shown,) = (await client.get(path, headers=user.headers)).json()
    found: int = shown["charged"]["tokens_per_month"]
    return found


@pytest.mark.parametrize(("used", "left"), [(True, 100), (False, 30)])
async def test_an_admin_settles_what_a_dead_process_held(
    client: Client,
    user: SignedIn,
    admin: SignedIn,
    database_urls: DatabaseUrls,
    used: bool,
    left: int,
) -> None:
    await limit(client, user, tokens_per_month=1_000)
    replica = held(database_urls, user.principal.tenant_id, hours=1)
    assert await charged(client, user) == 100
    assert (await client.get("/admin/unsettled", headers=user.headers)).status_code == 403
    listed = (await client.get("/admin/unsettled", headers=admin.headers)).json()
    (found,) = [each for each in listed if each["replica"] == str(replica)]
    assert found["amount"] == 70
    body = {name: found[name] for name in ("tenant_id", "meter", "period", "replica")}
    settle = {**body, "used": used}
    answer = await client.post("/admin/unsettled", json=settle, headers=admin.headers)
    assert answer.status_code == 204, answer.text
    assert await charged(client, user) == left
    again = await client.post("/admin/unsettled", json=settle, headers=admin.headers)
    assert again.status_code == 404


async def test_what_nobody_settles_counts_as_used_after_a_day(
    client: Client, user: SignedIn, services: Services, database_urls: DatabaseUrls
) -> None:
    await limit(client, user, tokens_per_month=1_000)
    held(database_urls, user.principal.tenant_id, hours=25)
    fresh = held(database_urls, user.principal.tenant_id, hours=1)
    (leases,) = [work for work in periodic_work(services) if work.name == "core.leases"]
    await leases.run()
    assert await charged(client, user) == 30 + 70 + 70
    with psycopg.connect(database_urls.owner) as connection:
        rows = connection.execute(
            "SELECT replica FROM core.llm_leases WHERE tenant_id = %s", [user.principal.tenant_id]
        ).fetchall()
    assert rows == [(fresh,)]
