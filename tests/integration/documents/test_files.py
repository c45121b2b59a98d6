"""`POST /documents/upload` and `/documents/url`, on a real PostgreSQL with jobs running."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from baukasten_core.settings import Settings
from baukasten_core.testing.fixtures_app import SignedIn
from tests.integration.documents.calls import project, put, ready


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


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1/", "http://localhost:8000/x", "ftp://example.com/", "nonsense", ""]
)
async def test_an_address_that_is_not_public_is_422(
    client: httpx.AsyncClient, user: SignedIn, url: str
) -> None:
    response = await client.post("/documents/url", json={"url": url}, headers=user.headers)
    assert response.status_code == 422
