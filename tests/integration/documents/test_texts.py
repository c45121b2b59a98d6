"""`POST /documents/text` and `/documents/texts`, on a real PostgreSQL with jobs running."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from baukasten_core.testing.fixtures_app import SignedIn
from tests.integration.documents.calls import FIELDS, add, project, ready


async def test_text_becomes_a_ready_document_with_every_field(
    client: httpx.AsyncClient, user: SignedIn
) -> None:
    mine = await project(client, user)
    document = await add(
        client, user, "Grüße aus Köln.", title="Card", project_id=mine, metadata={"n": [1, None]}
    )
    assert set(document) >= FIELDS
    assert (document["type"], document["status"]) == ("text", "queued")
    assert document["content"] == "Grüße aus Köln."
    assert document["doc_metadata"] == {"n": [1, None]}
    assert (document["project_id"], document["user_id"]) == (mine, str(user.id))
    done = await ready(client, user, document)
    assert (done["status"], done["error"], done["chunks_done"]) == ("ready", None, 1)


@pytest.mark.parametrize(
    "body", [{}, {"content": ""}, {"content": " \n "}, {"content": "x", "project_id": "no"}]
)
async def test_text_that_is_none_is_refused(
    client: httpx.AsyncClient, user: SignedIn, body: dict
) -> None:
    response = await client.post("/documents/text", json=body, headers=user.headers)
    assert response.status_code == 422


async def test_text_of_any_characters_is_taken(client: httpx.AsyncClient, user: SignedIn) -> None:
    raw = r'{"content": "a\u0000b שלום", "title": "t\u0000", "metadata": {"k\u0000": "\ud800"}}'
    response = await client.post(
        "/documents/text",
        content=raw.encode(),
        headers={**user.headers, "Content-Type": "application/json"},
    )
    assert response.status_code == 201
    assert (await ready(client, user, response.json()))["status"] == "ready"


@pytest.mark.parametrize(
    "body", [rb'{"content": "x y z", "metadata": {"a": NaN}}', rb'{"content": "\ud800 lone"}']
)
async def test_what_json_cannot_say_is_refused(
    client: httpx.AsyncClient, user: SignedIn, body: bytes
) -> None:
    response = await client.post(
        "/documents/text",
        content=body,
        headers={**user.headers, "Content-Type": "application/json"},
    )
    assert response.status_code == 422


async def test_many_texts_become_documents_and_one_that_is_refused_keeps_no_other_out(
    client: httpx.AsyncClient, user: SignedIn
) -> None:
    inside = await project(client, user)
    there = await add(client, user, "A heron waits.", project_id=inside)
    body = {
        "project_id": inside,
        "texts": [
            {"content": "Tides come and go.", "title": "Tides", "metadata": {"shelf": 4}},
            {"content": " \n "},
            {"content": "A heron waits.", "title": "Once more"},
            {"content": "Pumps are cleaned in spring."},
            {"content": "Tides come and go.", "title": "The same, further down"},
        ],
    }
    answer = await client.post("/documents/texts", json=body, headers=user.headers)
    assert answer.status_code == 200
    tides, empty, heron, pumps, again = answer.json()
    assert (tides["problem"], pumps["problem"]) == (None, None)
    assert empty["problem"]["type"] == "/problems/unprocessable"
    assert heron["problem"]["document_id"] == there["id"]
    assert again["problem"]["document_id"] == tides["id"]
    document = await ready(client, user, tides)
    assert (document["status"], document["title"], document["content"]) == (
        "ready",
        "Tides",
        "Tides come and go.",
    )
    assert document["doc_metadata"] == {"shelf": 4}
    assert (await ready(client, user, pumps))["chunks_done"] == 1
    listed = await client.get(f"/documents?project_id={inside}", headers=user.headers)
    assert {row["id"] for row in listed.json()} == {there["id"], tides["id"], pumps["id"]}


async def test_the_same_texts_sent_twice_at_once_are_there_once(
    client: httpx.AsyncClient, user: SignedIn
) -> None:
    inside = await project(client, user)
    texts = [{"content": f"Text number {number}."} for number in range(40)]
    body = {"project_id": inside, "texts": texts}
    answers = await asyncio.gather(
        *(client.post("/documents/texts", json=body, headers=user.headers) for _ in range(3))
    )
    made = [one["id"] for answer in answers for one in answer.json() if one["id"]]
    refused = [one["problem"] for answer in answers for one in answer.json() if not one["id"]]
    assert len(made) == len(set(made)) == 40
    assert {problem["document_id"] for problem in refused} == set(made)


async def test_many_private_texts_are_their_owners_alone(
    client: httpx.AsyncClient, user: SignedIn
) -> None:
    body = {"texts": [{"content": "Mine one."}, {"content": "Mine two."}], "private": True}
    answer = await client.post("/documents/texts", json=body, headers=user.headers)
    for one in answer.json():
        document = await client.get(f"/documents/{one['id']}", headers=user.headers)
        assert document.json()["private"]


async def test_many_texts_for_a_project_of_somebody_else_are_refused_whole(
    client: httpx.AsyncClient, user: SignedIn, other_user: SignedIn
) -> None:
    body = {"project_id": await project(client, user), "texts": [{"content": "Not yours."}]}
    answer = await client.post("/documents/texts", json=body, headers=other_user.headers)
    assert answer.status_code == 404
    listed = await client.get("/documents", headers=other_user.headers)
    assert "Not yours." not in listed.text
