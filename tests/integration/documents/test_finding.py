"""`GET /documents/search`, on a real PostgreSQL with jobs running."""

from __future__ import annotations

from uuid import uuid4

import httpx
import pytest

from baukasten_core.testing.fixtures_app import SignedIn
from tests.integration.documents.calls import FIELDS, add, project, ready


async def test_search_answers_documents_with_score_and_passages(
    client: httpx.AsyncClient, user: SignedIn
) -> None:
    mine = await project(client, user)
    right = await add(client, user, "The kettle whistles when water boils.", project_id=mine)
    wrong = await add(client, user, "Gravel paths drain well.", project_id=mine)
    for document in (right, wrong):
        await ready(client, user, document)
    get = await client.get(
        f"/documents/search?query=kettle+water&project_id={mine}&limit=1", headers=user.headers
    )
    post = await client.post(
        "/documents/search",
        json={"query": "kettle water", "project_id": mine, "limit": 1},
        headers=user.headers,
    )
    assert get.status_code == post.status_code == 200
    assert get.json() == post.json()
    (hit,) = get.json()
    assert set(hit) >= {*FIELDS, "score", "chunks"}
    assert hit["id"] == right["id"]
    assert 0.35 < hit["score"] <= 1
    (chunk,) = hit["chunks"]
    assert chunk["text"] == hit["content"][chunk["start"] : chunk["end"]]
    narrowed = await client.post(
        "/documents/search",
        json={"query": "kettle water", "documents": [wrong["id"]], "language": "en"},
        headers=user.headers,
    )
    assert [hit["id"] for hit in narrowed.json()] == [wrong["id"]]


@pytest.mark.parametrize("query", ["ab", "  a  ", "%20%20%20%20", ""])
async def test_a_query_of_less_than_three_characters_is_400(
    client: httpx.AsyncClient, user: SignedIn, query: str
) -> None:
    response = await client.get(f"/documents/search?query={query}", headers=user.headers)
    assert response.status_code == 400
    posted = await client.post(
        "/documents/search", json={"query": query.replace("%20", " ")}, headers=user.headers
    )
    assert posted.status_code == 400


@pytest.mark.parametrize(("length", "status"), [(2000, 200), (2001, 422)])
async def test_a_query_is_not_longer_than_a_question(
    client: httpx.AsyncClient, user: SignedIn, length: int, status: int
) -> None:
    query = "heron " * (length // 6) + "x" * (length % 6)
    got = await client.get("/documents/search", params={"query": query}, headers=user.headers)
    body = {"query": query}
    posted = await client.post("/documents/search", json=body, headers=user.headers)
    assert (got.status_code, posted.status_code) == (status, status)


@pytest.mark.parametrize("limit", [0, 101, "x"])
async def test_a_limit_out_of_range_is_422(
    client: httpx.AsyncClient, user: SignedIn, limit: object
) -> None:
    response = await client.get(f"/documents/search?query=abc&limit={limit}", headers=user.headers)
    assert response.status_code == 422


async def test_a_stranger_finds_nothing(
    client: httpx.AsyncClient, user: SignedIn, other_user: SignedIn
) -> None:
    await ready(client, user, await add(client, user, "The heron waits in the reeds."))
    found = await client.get("/documents/search?query=heron+reeds", headers=user.headers)
    assert len(found.json()) == 1
    theirs = await client.get("/documents/search?query=heron+reeds", headers=other_user.headers)
    assert theirs.json() == []


async def test_nothing_is_answered_without_a_token(client: httpx.AsyncClient) -> None:
    for method, path in (
        *(("POST", f"/documents/{name}") for name in ("text", "upload", "url", "search")),
        *(("GET", path) for path in ("/documents", "/documents/search?query=abc")),
        *((method, f"/documents/{uuid4()}") for method in ("GET", "DELETE")),
        *(("GET", f"/documents/{uuid4()}/{name}") for name in ("file", "events")),
    ):
        response = await client.request(method, path)
        assert response.status_code == 401, (method, path)
