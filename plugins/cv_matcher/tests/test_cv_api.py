"""CV Matcher over HTTP, on a real PostgreSQL."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from baukasten_core.testing.fixtures_app import SignedIn

JOB = """Data engineer

Your profile
- At least 3 years of experience with Python
- Knowledge of PostgreSQL

Nice to have
- Terraform

We offer
- Holidays
"""


@pytest.fixture
async def base(client: httpx.AsyncClient, user: SignedIn) -> str:
    """The address of a new project."""
    body = {"name": "Hiring", "type": "cv_matcher"}
    response = await client.post("/projects", json=body, headers=user.headers)
    assert response.status_code == 201, response.text
    return f"/cv_matcher/projects/{response.json()['id']}"


async def send(
    client: httpx.AsyncClient, user: SignedIn, url: str, body: Any, status: int = 201
) -> Any:
    response = await client.post(url, json=body, headers=user.headers)
    assert response.status_code == status, response.text
    return response.json()


async def test_a_job_description_answers_its_requirements(
    client: httpx.AsyncClient, user: SignedIn, base: str
) -> None:
    job = await send(client, user, f"{base}/job", {"text": JOB})
    found = [(item["text"], item["importance"]) for item in job["requirements"]]
    assert found == [
        ("At least 3 years of experience with Python", "must"),
        ("Knowledge of PostgreSQL", "must"),
        ("Terraform", "nice"),
    ]
    assert all(JOB[item["start"] : item["end"]] == item["text"] for item in job["requirements"])
    assert (job["made_by"]["method"], job["language"]) == ("extractive", "en")
    again = await client.get(f"{base}/job", headers=user.headers)
    assert again.json() == job


async def test_a_new_job_description_replaces_the_one_before(
    client: httpx.AsyncClient, user: SignedIn, base: str
) -> None:
    first = await send(client, user, f"{base}/job", {"text": JOB})
    second = await send(client, user, f"{base}/job", {"text": "Requirements:\n- Rust"})
    assert second["id"] != first["id"]
    shown = (await client.get(f"{base}/job", headers=user.headers)).json()
    assert [item["text"] for item in shown["requirements"]] == ["Rust"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"text": ""},
        {"text": JOB, "url": "https://example.org"},
        {"text": "We are nice."},
        {"text": "Requirements:\n- Rust\x00"},
        {"text": JOB, "method": "llm"},
        {"text": JOB, "method": "extractive", "provider": "ollama"},
        {"text": JOB, "nonsense": 1},
        {"text": "x" * 70_000},
    ],
)
async def test_a_job_that_can_not_be_read_is_refused(
    client: httpx.AsyncClient, user: SignedIn, base: str, body: dict[str, Any]
) -> None:
    await send(client, user, f"{base}/job", body, 422)


async def test_an_unknown_provider_is_named_among_the_known(
    client: httpx.AsyncClient, user: SignedIn, base: str
) -> None:
    body = {"text": JOB, "provider": "nobody"}
    problem = await send(client, user, f"{base}/job", body, 400)
    assert "ollama" in problem["detail"]


async def test_before_there_is_anything_the_answers_say_what_is_missing(
    client: httpx.AsyncClient, user: SignedIn, base: str
) -> None:
    for path in ("job", "ranking"):
        response = await client.get(f"{base}/{path}", headers=user.headers)
        assert response.status_code == 404
        assert "POST" in response.json()["hint"]
    await send(client, user, f"{base}/rank", {}, 404)
    await send(client, user, f"{base}/job", {"text": JOB})
    assert "candidates" in (await send(client, user, f"{base}/rank", {}, 409))["detail"]


async def test_a_stranger_gets_404_for_every_call(
    client: httpx.AsyncClient, user: SignedIn, other_user: SignedIn, base: str
) -> None:
    await send(client, user, f"{base}/job", {"text": JOB})
    calls: list[tuple[str, str, Any]] = [
        ("POST", "job", {"text": JOB}),
        ("GET", "job", None),
        ("POST", "candidates", {"texts": [{"content": "Python"}]}),
        ("GET", "candidates", None),
        ("DELETE", "candidates/01890000-0000-7000-8000-000000000000", None),
        ("POST", "rank", {}),
        ("GET", "ranking", None),
    ]
    for method, path, body in calls:
        response = await client.request(
            method, f"{base}/{path}", json=body, headers=other_user.headers
        )
        assert response.status_code == 404, (method, path, response.text)
        assert (await client.request(method, f"{base}/{path}", json=body)).status_code == 401


async def test_a_project_of_another_type_has_none_of_this(
    client: httpx.AsyncClient, user: SignedIn
) -> None:
    body = {"name": "Other", "type": "other"}
    project = (await client.post("/projects", json=body, headers=user.headers)).json()
    response = await client.get(
        f"/cv_matcher/projects/{project['id']}/candidates", headers=user.headers
    )
    assert response.status_code == 404
