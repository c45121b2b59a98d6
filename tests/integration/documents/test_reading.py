"""Documents listed, followed, found by name and deleted, over HTTP."""

from __future__ import annotations

import json
from pathlib import Path
from uuid import uuid4

import httpx

from baukasten_core.settings import Settings
from baukasten_core.testing.files import pdf
from baukasten_core.testing.fixtures_app import SignedIn
from tests.integration.documents.calls import add, project, put, ready


async def test_the_newest_comes_first_and_pages_follow_the_link(
    client: httpx.AsyncClient, user: SignedIn
) -> None:
    mine = await project(client, user)
    ids = [(await add(client, user, f"text {n}", project_id=mine))["id"] for n in range(5)]
    await add(client, user, "elsewhere")
    seen, url = [], f"/documents?limit=2&project_id={mine}"
    while url:
        response = await client.get(url, headers=user.headers)
        seen += [document["id"] for document in response.json()]
        url = response.links.get("next", {}).get("url", "")
    assert seen == ids[::-1]
    assert len((await client.get("/documents", headers=user.headers)).json()) == 6


async def test_a_long_content_comes_with_the_document_and_not_with_the_list(
    client: httpx.AsyncClient, user: SignedIn
) -> None:
    document = await add(client, user, "word " * 9000)
    (listed,) = (await client.get("/documents", headers=user.headers)).json()
    assert listed["content"] is None
    assert listed["content_length"] == 45_000
    single = await client.get(f"/documents/{document['id']}", headers=user.headers)
    assert len(single.json()["content"]) == 45_000


async def test_a_stranger_gets_404_for_every_call(
    client: httpx.AsyncClient, user: SignedIn, other_user: SignedIn
) -> None:
    mine = await project(client, user)
    document = await add(client, user, "Mine alone.", project_id=mine)
    url, headers = f"/documents/{document['id']}", other_user.headers
    for response in (
        await client.get(url, headers=headers),
        await client.delete(url, headers=headers),
        await client.get(f"{url}/file", headers=headers),
        await client.get(f"{url}/events", headers=headers),
        await client.get(f"/documents?project_id={mine}", headers=headers),
        await client.post(
            "/documents/text", json={"content": "x", "project_id": mine}, headers=headers
        ),
        await put(client, other_user, "a.txt", b"text", project_id=mine),
    ):
        assert response.status_code == 404, response.url
        assert response.headers["content-type"] == "application/problem+json"


async def test_a_deleted_document_is_gone(
    client: httpx.AsyncClient, user: SignedIn, app_settings: Settings
) -> None:
    document = (await put(client, user, "a.txt", f"Gone soon {uuid4()}".encode())).json()
    await ready(client, user, document)
    url = f"/documents/{document['id']}"
    stored = Path(app_settings.home) / "blobs" / str(user.principal.tenant_id)
    assert list(stored.rglob(document["id"]))
    assert (await client.delete(url, headers=user.headers)).status_code == 204
    assert (await client.get(url, headers=user.headers)).status_code == 404
    assert (await client.delete(url, headers=user.headers)).status_code == 404
    assert not list(stored.rglob(document["id"]))
    found = await client.get("/documents/search?query=gone+soon", headers=user.headers)
    assert found.json() == []


async def test_progress_is_told_until_it_is_over(client: httpx.AsyncClient, user: SignedIn) -> None:
    document = await add(client, user, "A sentence to be counted. " * 500)
    response = await client.get(f"/documents/{document['id']}/events", headers=user.headers)
    assert response.headers["content-type"].startswith("text/event-stream")
    events = [event.split("\n") for event in response.text.strip().split("\n\n")]
    names = [event[0] for event in events]
    assert names[-1] == "event: ready"
    assert set(names[:-1]) <= {"event: progress"}
    last = json.loads(events[-1][1].removeprefix("data: "))
    assert last["chunks_done"] == last["chunks_total"] > 10
    assert last["pages_done"] is None, "text has no pages"


async def test_progress_is_told_by_page(client: httpx.AsyncClient, user: SignedIn) -> None:
    pages = [f"Page {number} of {uuid4()}. " * 40 for number in range(1, 6)]
    document = (await put(client, user, "five.pdf", pdf([[page] for page in pages]))).json()
    response = await client.get(f"/documents/{document['id']}/events", headers=user.headers)
    last = json.loads(response.text.strip().split("\n")[-1].removeprefix("data: "))
    assert last["pages_done"] == last["pages"] == 5


async def test_a_project_tells_how_far_its_documents_are(
    client: httpx.AsyncClient, user: SignedIn
) -> None:
    mine = await project(client, user)
    nothing = (await client.get(f"/projects/{mine}", headers=user.headers)).json()["documents"]
    assert set(nothing.values()) == {0}
    await ready(client, user, await add(client, user, "One sentence. " * 300, project_id=mine))
    await ready(client, user, await add(client, user, "Another sentence.", project_id=mine))
    found = (await client.get(f"/projects/{mine}", headers=user.headers)).json()["documents"]
    assert (found["ready"], found["queued"], found["processing"], found["failed"]) == (2, 0, 0, 0)
    assert found["chunks_done"] == found["chunks_total"] > 2


async def test_documents_are_found_by_a_part_of_their_names_literally(
    client: httpx.AsyncClient, user: SignedIn
) -> None:
    body = {"name": "Names", "type": "other"}
    project = (await client.post("/projects", json=body, headers=user.headers)).json()["id"]
    for title in ("Annual report 100%", "annual plan", "Minutes"):
        text = {"content": f"{title} text", "title": title, "project_id": project}
        await client.post("/documents/text", json=text, headers=user.headers)

    async def found(**parameters: str) -> list[str]:
        query = {"project_id": project, **parameters}
        answer = await client.get("/documents", params=query, headers=user.headers)
        return sorted(row["title"] for row in answer.json())

    assert await found(search="ANNUAL") == ["Annual report 100%", "annual plan"]
    assert await found(search="%") == ["Annual report 100%"]
    assert await found(search="_") == []
    assert await found(status="failed") == []


async def test_a_project_is_cleared_of_all_its_documents_and_of_nothing_else(
    client: httpx.AsyncClient, user: SignedIn, other_user: SignedIn
) -> None:
    projects = []
    for name in ("Cleared", "Kept"):
        body = {"name": name, "type": "other"}
        made = await client.post("/projects", json=body, headers=user.headers)
        projects.append(made.json()["id"])
        for number in range(3):
            text = {"content": f"text {number}", "project_id": projects[-1]}
            await client.post("/documents/text", json=text, headers=user.headers)
    url = f"/documents?project_id={projects[0]}"
    assert (await client.delete(url, headers=other_user.headers)).status_code == 404
    assert (await client.delete(url, headers=user.headers)).json() == {"deleted": 3}
    assert (await client.get(url, headers=user.headers)).json() == []
    kept = await client.get(f"/documents?project_id={projects[1]}", headers=user.headers)
    assert len(kept.json()) == 3
