"""`/v1/usage`: what was asked and what it cost, for those whose it is."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from baukasten_core.contracts.gateway import GatewayCall, collect
from baukasten_core.contracts.llm import GenerateRequest, Message, Usage
from baukasten_core.contracts.provider import Provider
from baukasten_core.gateway import Gateway, build_instances
from baukasten_core.gateway.meter import UsageRecord
from baukasten_core.gateway.prices import Price, Prices
from baukasten_core.gateway.routes import Target
from baukasten_core.gateway.spending import as_csv
from baukasten_core.gateway.usage import UsageWriter
from baukasten_core.services import Services
from baukasten_core.testing.fakes import FakeLLM
from baukasten_core.testing.fixtures_app import SignedIn
from baukasten_core.testing.fixtures_db import DatabaseUrls

MARCH = {"since": "2026-03-01T00:00:00Z", "until": "2026-04-01T00:00:00Z"}


def used(user: SignedIn, day: int = 2, **changes: Any) -> UsageRecord:
    made = UsageRecord(
        instance="box",
        provider="fake",
        model="m",
        region="local",
        outcome="answered",
        usage=Usage(70, 5),
        total_ms=40.0,
        first_ms=10.0,
        at=datetime(2026, 3, day, 12, tzinfo=UTC),
        tenant_id=user.principal.tenant_id,
        user_id=user.id,
        cost=250_000,
    )
    return replace(made, **changes)


async def keep(services: Services, *records: UsageRecord) -> None:
    async with UsageWriter(services.database) as writer:
        for record in records:
            await writer(record)


async def get(client: httpx.AsyncClient, user: SignedIn, **query: str) -> Any:
    answer = await client.get("/v1/usage", params={**MARCH, **query}, headers=user.headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_calls_tokens_and_money_are_added_up_by_what_one_asks_for(
    client: httpx.AsyncClient, services: Services, user: SignedIn, other_user: SignedIn
) -> None:
    project = uuid4()
    await keep(
        services,
        used(user),
        used(user, outcome="failed", usage=Usage(), cost=0, total_ms=9_999.0, first_ms=None),
        used(user, 3, model="n", project_id=project, route="fast"),
        used(user, at=datetime(2026, 4, 1, tzinfo=UTC)),  # is not in March
        used(other_user),
    )
    found = await get(client, user)
    assert found["currency"] == "EUR"
    first, second = found["data"]
    assert (first["day"], first["instance"], first["model"]) == ("2026-03-02", "box", "m")
    assert (first["calls"], first["answered"], first["cost"]) == (2, 1, 0.25)
    assert (first["prompt_tokens"], first["completion_tokens"]) == (70, 5)
    assert (first["mean_ms"], first["mean_first_ms"]) == (40.0, 10.0)
    assert second["model"] == "n"
    (month,) = (await get(client, user, by="month"))["data"]
    assert (month["month"], month["calls"], month["cost"]) == ("2026-03-01", 3, 0.5)
    by = (await get(client, user, by="project_id,route"))["data"]
    assert [(row["project_id"], row["route"], row["calls"]) for row in by] == [
        (str(project), "fast", 1),
        (None, "", 2),
    ]


async def test_a_member_sees_their_own(
    client: httpx.AsyncClient,
    services: Services,
    user: SignedIn,
    other_user: SignedIn,
    database_urls: DatabaseUrls,
) -> None:
    tenant = user.principal.tenant_id
    with psycopg.connect(database_urls.owner) as connection:
        connection.execute(
            "INSERT INTO core.memberships (tenant_id, user_id, role) VALUES (%s, %s, 'member')",
            [tenant, other_user.id],
        )
    await keep(services, used(user), used(other_user, tenant_id=tenant, model="theirs"))
    headers = {**other_user.headers, "X-Tenant": str(tenant)}
    params = {**MARCH, "by": "model,user_id"}
    own = (await client.get("/v1/usage", params=params, headers=headers)).json()["data"]
    assert [(row["model"], UUID(row["user_id"])) for row in own] == [("theirs", other_user.id)]
    assert len((await get(client, user, by="user_id"))["data"]) == 2


async def test_a_spreadsheet_reads_it(
    client: httpx.AsyncClient, services: Services, user: SignedIn
) -> None:
    await keep(services, used(user, model='=HYPERLINK("http://example.test")'))
    params = {**MARCH, "format": "csv", "by": "model"}
    answer = await client.get("/v1/usage", params=params, headers=user.headers)
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    (row,) = csv.DictReader(io.StringIO(answer.text))
    assert (row["model"][:2], row["calls"], row["cost"]) == ("'=", "1", "0.25")


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), min_size=1))
def test_no_cell_is_a_formula(values: list[str]) -> None:
    text = as_csv([{"model": value} for value in values])
    cells = [row[0] for row in list(csv.reader(io.StringIO(text, newline="")))[1:]]
    assert len(cells) == len(values)
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in cells)


async def test_an_admin_sees_every_tenant_and_nobody_else_does(
    client: httpx.AsyncClient, services: Services, user: SignedIn, admin: SignedIn
) -> None:
    await keep(services, used(user), used(admin, model="other"))
    answer = await client.get("/v1/usage/tenants", params=MARCH, headers=admin.headers)
    tenants = {row["tenant_id"] for row in answer.json()["data"]}
    assert {str(user.principal.tenant_id), str(admin.principal.tenant_id)} <= tenants
    refused = await client.get("/v1/usage/tenants", params=MARCH, headers=user.headers)
    assert refused.status_code == 403


@pytest.mark.parametrize(
    "query",
    [
        {"by": "prompt"},
        {"by": ""},
        {"by": "day,day"},
        {"since": "2026-05-01", "until": "2026-04-01"},
        {"since": "2020-01-01", "until": "2026-01-01"},
        {"since": "0001-01-01T00:00:00+14:00"},
        {"format": "xml"},
    ],
)
async def test_what_can_not_be_asked_is_refused(
    client: httpx.AsyncClient, user: SignedIn, query: dict[str, str]
) -> None:
    answer = await client.get("/v1/usage", params=query, headers=user.headers)
    assert (answer.status_code, set(answer.json())) == (400, {"error"})


async def test_a_call_is_priced_by_its_model_and_names_its_route_and_key() -> None:
    kept: list[UsageRecord] = []

    async def keeps(record: UsageRecord) -> None:
        kept.append(record)

    fake = Provider("fake", build=lambda _: FakeLLM("One two three."))
    gateway = Gateway(
        build_instances({"fake": fake}, {"Box": {"provider": "fake"}}),
        [],
        routes={"fast": [Target("box")]},
        prices=Prices({"BOX": Price(1.0, 1.0), "Box/fake-model": Price(0.5, 10.0)}),
        on_usage=keeps,
    )
    request, key = GenerateRequest("fast", (Message("user", "a b c"),)), uuid4()
    await collect(gateway.generate(GatewayCall(request, api_key_id=key)))
    (record,) = kept
    assert record.usage == Usage(3, 3)
    assert (record.cost, record.route, record.api_key_id) == (32, "fast", key)  # 31.5, rounded up
