"""`/documents`, over HTTP: every row of the contract, on a real PostgreSQL with jobs running."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import httpx
import psycopg
import pytest
import pytest_asyncio
from fastapi import FastAPI

from baukasten_core.app import create_app
from baukasten_core.documents.insertion import UNFINISHED
from baukasten_core.plugins import PluginHost
from baukasten_core.settings import Settings
from baukasten_core.testing.fakes import FakeEmbedder
from baukasten_core.testing.files import pdf
from baukasten_core.testing.fixtures_app import SignedIn, test_settings
from baukasten_core.testing.fixtures_db import DatabaseUrls

FIELDS = {
    *("id", "user_id", "project_id", "type", "filename", "url", "content", "doc_metadata"),
    *("status", "error", "created_at", "updated_at"),
}


@pytest.fixture(scope="module")
def app_settings(database_urls: DatabaseUrls, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return test_settings(
        tmp_path_factory.mktemp("home"),
        database_urls,
        jobs={"in_process": True},
        documents={"max_upload_mib": 2},
        server={"max_body_mib": 1},
    )


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def app(app_settings: Settings) -> AsyncIterator[FastAPI]:
    app = create_app(app_settings, PluginHost.discover(), embedder=FakeEmbedder())
    async with app.router.lifespan_context(app):
        yield app


async def add(client: httpx.AsyncClient, user: SignedIn, content: str, **more: object) -> dict:
    response = await client.post(
        "/documents/text", json={"content": content, **more}, headers=user.headers
    )
    assert response.status_code == 201, response.text
    return dict(response.json())


async def ready(client: httpx.AsyncClient, user: SignedIn, document: dict) -> dict:
    async with asyncio.timeout(30):
        while True:
            response = await client.get(f"/documents/{document['id']}", headers=user.headers)
            if response.json()["status"] in ("ready", "failed"):
                return dict(response.json())
            await asyncio.sleep(0.05)


async def project(client: httpx.AsyncClient, user: SignedIn) -> str:
    body = {"name": "p", "type": "other"}
    return str((await client.post("/projects", json=body, headers=user.headers)).json()["id"])


async def put(
    client: httpx.AsyncClient, user: SignedIn, name: str, data: bytes, **fields: str
) -> httpx.Response:
    return await client.post(
        "/documents/upload", files={"file": (name, data)}, data=fields, headers=user.headers
    )


# --- text -------------------------------------------------------------------------------------


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


# --- upload -----------------------------------------------------------------------------------


async def test_a_file_is_read_and_its_original_comes_back(
    client: httpx.AsyncClient, user: SignedIn
) -> None:
    mine = await project(client, user)
    data = "# Tides\n\nThe moon pulls the sea – twice a day.\n".encode()
    response = await put(client, user, "tides.md", data, project_id=mine)
    assert response.status_code == 201, response.text
    document = await ready(client, user, response.json())
    assert (document["type"], document["filename"]) == ("markdown", "tides.md")
    assert (document["status"], document["project_id"]) == ("ready", mine)
    assert "twice a day" in document["content"]
    file = await client.get(f"/documents/{document['id']}/file", headers=user.headers)
    assert file.content == data
    assert "attachment" in file.headers["content-disposition"]


async def test_a_file_over_the_limit_is_413_while_streaming(
    client: httpx.AsyncClient, user: SignedIn
) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'
        for _ in range(1000):
            sent += 65536
            yield b"x" * 65536

    headers = {**user.headers, "Content-Type": "multipart/form-data; boundary=b"}
    response = await client.post("/documents/upload", content=endless(), headers=headers)
    assert response.status_code == 413
    assert "2 MiB" in response.json()["detail"]
    assert sent < 8 * 2**20
    just_over = await put(client, user, "a.txt", b"x " * (2**20 + 1))
    assert just_over.status_code == 413


async def test_the_limit_on_bodies_is_not_the_limit_on_uploads(
    client: httpx.AsyncClient, user: SignedIn
) -> None:
    content = "heron " * 2**18  # 1.5 MiB, between the two
    body = {"content": content}
    assert (
        await client.post("/documents/text", json=body, headers=user.headers)
    ).status_code == 413
    assert (await put(client, user, "a.txt", content.encode())).status_code == 201


async def test_the_names_of_a_forms_fields_are_bounded_too(
    client: httpx.AsyncClient, user: SignedIn
) -> None:
    fields = {f"{number:0>1000}": "x" for number in range(300)}
    answer = await put(client, user, "a.txt", b"A heron.", **fields)
    assert answer.status_code == 413
    assert "fields" in answer.json()["detail"]


async def test_a_type_that_cannot_be_read_is_415_and_names_those_that_can(
    client: httpx.AsyncClient, user: SignedIn
) -> None:
    response = await put(client, user, "a.png", b"\x89PNG\r\n\x1a\n" + bytes(100))
    assert response.status_code == 415
    assert "PDF" in response.text


@pytest.mark.parametrize(
    ("name", "data"), [("a.pdf", b"%PDF-1.7 broken"), ("a.txt", b""), ("a.docx", b"PK\x03\x04no")]
)
async def test_a_broken_or_empty_file_is_422(
    client: httpx.AsyncClient, user: SignedIn, name: str, data: bytes
) -> None:
    response = await put(client, user, name, data)
    assert response.status_code == 422, response.text
    assert response.headers["content-type"] == "application/problem+json"


async def test_content_that_is_there_already_is_409_and_named(
    client: httpx.AsyncClient, user: SignedIn
) -> None:
    mine = await project(client, user)
    data = f"Unique {uuid4()}.".encode()
    first = await put(client, user, "a.txt", data, project_id=mine)
    again = await put(client, user, "b.txt", data, project_id=mine)
    assert again.status_code == 409
    assert again.json()["document_id"] == first.json()["id"]
    assert (await put(client, user, "b.txt", data)).status_code == 201


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b"{}"),
        ("multipart/form-data", b""),
        ("multipart/form-data; boundary=b", b""),
        ("multipart/form-data; boundary=b", b"--b\r\nno"),
        ("multipart/form-data; boundary=b", b"garbage" * 100),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="x"\r\n\r\n1\r\n--b--\r\n',
        ),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\ncut off',
        ),
    ],
)
async def test_a_form_that_is_none_is_422(
    client: httpx.AsyncClient, user: SignedIn, content_type: str, body: bytes
) -> None:
    headers = {**user.headers, "Content-Type": content_type}
    response = await client.post("/documents/upload", content=body, headers=headers)
    assert response.status_code == 422, response.text


async def test_a_wrong_project_id_in_the_form_is_422(
    client: httpx.AsyncClient, user: SignedIn
) -> None:
    response = await put(client, user, "a.txt", b"some text", project_id="nonsense")
    assert response.status_code == 422


async def test_nothing_is_left_of_a_refused_upload(
    client: httpx.AsyncClient, user: SignedIn, app_settings: Settings
) -> None:
    response = await put(client, user, "a.txt", b"some text", project_id=str(uuid4()))
    assert response.status_code == 404
    folder = Path(app_settings.home) / "blobs" / str(user.principal.tenant_id)
    assert not list(folder.rglob("*")) if folder.exists() else True


# --- address ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1/", "http://localhost:8000/x", "ftp://example.com/", "nonsense", ""]
)
async def test_an_address_that_is_not_public_is_422(
    client: httpx.AsyncClient, user: SignedIn, url: str
) -> None:
    response = await client.post("/documents/url", json={"url": url}, headers=user.headers)
    assert response.status_code == 422


# --- lists and single documents -----------------------------------------------------------------


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


# --- search -----------------------------------------------------------------------------------


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


# --- found by name, and cleared -----------------------------------------------------------------


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


# --- many texts at once ----------------------------------------------------------------------


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


# --- in the reader's language ----------------------------------------------------------------


async def test_what_went_wrong_is_said_in_the_language_that_is_asked_for(
    client: httpx.AsyncClient, user: SignedIn, database_urls: DatabaseUrls
) -> None:
    """Also of what failed in the worker, which knows no reader."""
    document = await ready(client, user, await add(client, user, "A heron."))
    with psycopg.connect(database_urls.owner) as connection:
        connection.execute(
            "UPDATE core.documents SET status = 'failed', error = %s WHERE id = %s",
            [UNFINISHED, document["id"]],
        )
    german = {**user.headers, "Accept-Language": "de-AT,de;q=0.9,en;q=0.5"}
    where = f"/documents/{document['id']}"
    said = "Die Übertragung wurde nicht abgeschlossen. Legen Sie es noch einmal hinein."
    (listed,) = (await client.get("/documents?status=failed", headers=german)).json()
    assert listed["error"] == (await client.get(where, headers=german)).json()["error"]
    assert listed["error"].startswith(said)
    events = (await client.get(f"{where}/events", headers=german)).text
    assert json.loads(events.split("data: ")[1])["error"] == said

    broken = await client.post(
        "/documents/upload", files={"file": ("a.pdf", b"%PDF-1.4 nothing")}, headers=german
    )
    assert broken.json()["message"].startswith("Die Datei ist beschädigt: Sie lässt sich nicht")
    problem = (await client.get(f"/documents/{uuid4()}", headers=german)).json()
    assert problem["detail"] == "Document not found"
    assert problem["message"] == "Dieses Dokument gibt es nicht, oder Sie dürfen es nicht sehen."
    missing = (await client.post("/documents/text", json={}, headers=german)).json()
    assert missing["message"] == "content: Das fehlt."
    assert "message" not in (await client.get(f"/documents/{uuid4()}", headers=user.headers)).json()


async def test_literals_of_the_contract_are_for_programs_and_their_hints_for_people(
    client: httpx.AsyncClient,
) -> None:
    form = {"username": "nobody@example.org", "password": "not this one"}
    answer = await client.post("/auth/login", data=form, headers={"Accept-Language": "es"})
    assert answer.json()["detail"] == "LOGIN_BAD_CREDENTIALS"
    assert answer.json()["message"] == "La dirección o la contraseña no es correcta."
