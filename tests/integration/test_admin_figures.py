"""What admins see of the whole platform: figures, never anybody's text."""

from __future__ import annotations

from datetime import UTC, datetime

import httpx
import psycopg
import pytest

from baukasten_core.testing.fixtures_app import Outbox, SignedIn
from baukasten_core.testing.fixtures_db import DatabaseUrls

USAGE = (
    "INSERT INTO core.llm_usage (id, tenant_id, user_id, instance, provider, model, region,"
    " outcome, prompt_tokens, completion_tokens, cost, estimated, total_ms)"
    " VALUES (gen_random_uuid(), %s, %s, 'box', 'fake', %s, 'local', 'answered', 100, 20, 2500000,"
    " false, 40)"
)


@pytest.fixture
def used(database_urls: DatabaseUrls, user: SignedIn) -> SignedIn:
    """Somebody whose tenant asked two models today."""
    with psycopg.connect(database_urls.owner) as connection:
        for model in ("small", "large"):
            connection.execute(USAGE, [user.principal.tenant_id, user.id, model])
    return user


@pytest.mark.parametrize("path", ["timeline", "jobs", "usage", "llm", "audit"])
async def test_figures_are_for_admins_alone(
    client: httpx.AsyncClient, user: SignedIn, path: str
) -> None:
    response = await client.get(f"/admin/{path}", headers=user.headers)
    assert response.status_code == 403
    assert response.json()["detail"] == "Admin privileges required"


async def test_the_timeline_has_every_day_and_counts_today(
    client: httpx.AsyncClient, admin: SignedIn, used: SignedIn
) -> None:
    body = {"name": "Counted", "type": "other"}
    await client.post("/projects", json=body, headers=used.headers)
    answer = await client.get("/admin/timeline?days=7", headers=admin.headers)
    days = answer.json()["days"]
    assert len(days) == 7
    assert days[-1]["day"] == f"{datetime.now(UTC):%Y-%m-%d}"
    assert days[-1]["users"] >= 2
    assert days[-1]["projects"] >= 1
    assert days[-1]["calls"] >= 2
    assert days[-1]["cost"] >= 5.0
    assert days[0]["calls"] == 0


async def test_usage_is_added_up_over_all_tenants_by_whatever_is_asked(
    client: httpx.AsyncClient, admin: SignedIn, used: SignedIn
) -> None:
    async def rows(by: str) -> list[dict[str, object]]:
        answer = await client.get(f"/admin/usage?by={by}", headers=admin.headers)
        assert answer.status_code == 200, answer.text
        found = answer.json()["data"]
        return [row for row in found if row.get("user_id", str(used.id)) == str(used.id)]

    (mine,) = await rows("user")
    assert (mine["user_email"], mine["calls"], mine["cost"]) == (used.principal.email, 2, 5.0)
    assert {row["model"] for row in await rows("user,model")} == {"small", "large"}
    assert all("tenant" in row for row in await rows("tenant,day"))
    table = await client.get("/admin/usage?by=user&format=csv", headers=admin.headers)
    assert used.principal.email in table.text
    for wrong in ("", "nonsense", "user,user"):
        answer = await client.get(f"/admin/usage?by={wrong}", headers=admin.headers)
        assert answer.status_code == 400, wrong


async def test_jobs_are_counted_and_the_failed_named_without_what_they_were_about(
    client: httpx.AsyncClient, admin: SignedIn, database_urls: DatabaseUrls
) -> None:
    with psycopg.connect(database_urls.owner) as connection:
        connection.execute(
            "INSERT INTO jobs.procrastinate_jobs (queue_name, task_name, status, args, attempts)"
            " VALUES ('default', 'core.test', 'failed', '{\"ids\": {\"x\": \"secret\"}}', 3)"
        )
    answer = await client.get("/admin/jobs", headers=admin.headers)
    assert answer.json()["counts"]["failed"] >= 1
    assert any(job["task"] == "core.test" for job in answer.json()["failed"])
    assert "secret" not in answer.text


async def test_routes_are_told_without_addresses_or_keys(
    client: httpx.AsyncClient, admin: SignedIn
) -> None:
    answer = await client.get("/admin/llm", headers=admin.headers)
    assert answer.json()["chain"] == ["ollama", "extractive"]
    assert {"name", "provider", "region", "model"} == answer.json()["instances"][0].keys()


async def test_an_account_is_made_for_somebody_who_chooses_a_password_by_mail(
    client: httpx.AsyncClient, admin: SignedIn, outbox: Outbox
) -> None:
    body = {"email": "invited@example.test", "language": "de", "is_admin": True}
    made = await client.post("/admin/users", json=body, headers=admin.headers)
    assert made.status_code == 201, made.text
    assert made.json()["is_admin"]
    again = await client.post("/admin/users", json=body, headers=admin.headers)
    assert again.json()["detail"] == "REGISTER_USER_ALREADY_EXISTS"
    mail = await outbox.last("invited@example.test")
    assert "Wählen Sie hier ein Passwort" in mail.text
    reset = {"token": await outbox.token("invited@example.test"), "password": "chosen by them"}
    assert (await client.post("/auth/reset-password", json=reset)).status_code == 200
    form = {"username": "invited@example.test", "password": "chosen by them"}
    assert (await client.post("/auth/login", data=form)).status_code == 200


async def test_an_account_with_a_password_can_sign_in_at_once(
    client: httpx.AsyncClient, admin: SignedIn, user: SignedIn
) -> None:
    body = {"email": "given@example.test", "password": "a given password"}
    refused = await client.post("/admin/users", json=body, headers=user.headers)
    assert refused.status_code == 403
    await client.post("/admin/users", json=body, headers=admin.headers)
    form = {"username": body["email"], "password": body["password"]}
    assert (await client.post("/auth/login", data=form)).status_code == 200


async def test_the_audit_log_is_filtered(
    client: httpx.AsyncClient, admin: SignedIn, user: SignedIn
) -> None:
    await client.patch("/users/me", json={"language": "es"}, headers=user.headers)

    async def entries(**parameters: str) -> list[dict[str, str]]:
        answer = await client.get("/admin/audit", params=parameters, headers=admin.headers)
        assert answer.status_code == 200, answer.text
        found: list[dict[str, str]] = answer.json()
        return found

    mine = await entries(user_id=str(user.id))
    assert [entry["action"] for entry in mine] == ["profile.changed"]
    assert await entries(user_id=str(user.id), action="profile.")
    assert not await entries(user_id=str(user.id), action="user.")
    assert not await entries(user_id=str(user.id), until="2020-01-01T00:00:00Z")
