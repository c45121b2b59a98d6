"""`GET /users/me/export`: everything held about me, nothing of anybody else."""

from __future__ import annotations

import io
import json
import tracemalloc
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from uuid import UUID
from zipfile import ZipFile

import httpx
import jsonschema
import psycopg
import pytest

from baukasten_core.documents.files import file_key
from baukasten_core.privacy.archive import ZipPieces
from baukasten_core.services import Services
from baukasten_core.testing.fixtures_app import SignedIn
from baukasten_core.testing.fixtures_db import DatabaseUrls
from baukasten_core.testing.rows import add_row, fill, tables

SPACE = "0123456789abcdef"


async def once(content: bytes) -> AsyncIterator[bytes]:
    yield content


async def export(client: httpx.AsyncClient, user: SignedIn) -> dict[str, Any]:
    """The archive's entries by name; JSON is parsed."""
    response = await client.get("/users/me/export", headers=user.headers)
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/zip"
    with ZipFile(io.BytesIO(response.content)) as archive:
        assert archive.testzip() is None
        return {
            name: json.loads(archive.read(name)) if name.endswith(".json") else archive.read(name)
            for name in archive.namelist()
        }


async def add_document(
    connection: psycopg.Connection[Any], services: Services, user: SignedIn, content: bytes
) -> UUID:
    document = add_row(
        connection, tables(connection)["core.documents"], user.principal, {}, filename="../a:b.txt"
    )
    connection.execute("UPDATE core.documents SET stored = true WHERE id = %s", [document["id"]])
    key = file_key(document["tenant_id"], document["project_id"], document["id"])
    await services.blobs.put(key, once(content))
    return UUID(str(document["id"]))


async def test_every_table_is_there_with_a_schema_its_rows_fit(
    client: httpx.AsyncClient, database_urls: DatabaseUrls, user: SignedIn
) -> None:
    with psycopg.connect(database_urls.owner, autocommit=True) as connection:
        connection.execute("SELECT core.prepare_space(%s, 4)", [SPACE])
        fill(connection, user.principal, private=True)
    entries = await export(client, user)
    for table in entries["manifest.json"]["tables"]:
        assert {"subject", "purpose", "legal_basis", "retention"} <= set(table)
        if "not_exported" in table:
            continue
        rows = entries[table["data"]]
        jsonschema.validate(rows, entries[table["schema"]])
        assert len(rows) == table["rows"]
        if table["name"] not in ("erasures", "procrastinate_jobs", "audit"):
            assert rows, table["name"]
    names = {table["name"] for table in entries["manifest.json"]["tables"]}
    assert {"users", "documents", "chunks", "messages", f"vectors_{SPACE}"} <= names


async def test_secrets_and_other_peoples_rows_are_not_in_it(
    client: httpx.AsyncClient, database_urls: DatabaseUrls, user: SignedIn, other_user: SignedIn
) -> None:
    shared = replace(other_user.principal, tenant_id=user.principal.tenant_id)
    with psycopg.connect(database_urls.owner, autocommit=True) as connection:
        fill(connection, user.principal)
        connection.execute(
            "INSERT INTO core.memberships (tenant_id, user_id, role) VALUES (%s, %s, 'member')",
            [shared.tenant_id, shared.user_id],
        )
        theirs = fill(connection, shared)
    response = await export(client, user)
    text = json.dumps({name: v for name, v in response.items() if name.startswith("data/")})
    assert str(other_user.id) not in text
    assert str(theirs["core.documents"]["id"]) not in text
    for name in ("password_hash", "refresh_hash", "key_hash", "token_hash", "embedding"):
        assert f'"{name}"' not in text


async def test_rows_in_a_shared_tenant_are_in_it(
    client: httpx.AsyncClient, database_urls: DatabaseUrls, user: SignedIn, other_user: SignedIn
) -> None:
    guest = replace(user.principal, tenant_id=other_user.principal.tenant_id)
    with psycopg.connect(database_urls.owner, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO core.memberships (tenant_id, user_id, role) VALUES (%s, %s, 'member')",
            [guest.tenant_id, guest.user_id],
        )
        mine = fill(connection, guest, private=True)
    entries = await export(client, user)
    ids = [row["id"] for row in entries["data/core/messages.json"]]
    assert ids == [str(mine["core.messages"]["id"])]


@pytest.mark.parametrize(("verified", "found"), [(False, 0), (True, 1)])
async def test_an_invitation_is_its_receivers_once_the_address_is_proved(
    client: httpx.AsyncClient,
    database_urls: DatabaseUrls,
    user: SignedIn,
    other_user: SignedIn,
    verified: bool,
    found: int,
) -> None:
    with psycopg.connect(database_urls.owner, autocommit=True) as connection:
        change = "UPDATE core.users SET is_verified = %s WHERE id = %s"
        connection.execute(change, [verified, user.id])
        invitations, email = tables(connection)["core.invitations"], user.principal.email
        add_row(connection, invitations, other_user.principal, {}, email=email)
    entries = await export(client, user)
    assert len(entries["data/core/invitations.json"]) == found


async def test_original_files_are_in_it_and_a_missing_one_is_named(
    client: httpx.AsyncClient, services: Services, database_urls: DatabaseUrls, user: SignedIn
) -> None:
    with psycopg.connect(database_urls.owner, autocommit=True) as connection:
        there = await add_document(connection, services, user, b"original" * 100_000)
        gone = await add_document(connection, services, user, b"x")
    await services.blobs.delete(file_key(user.principal.tenant_id, None, gone))
    entries = await export(client, user)
    assert entries[f"files/{there}/_a_b.txt"] == b"original" * 100_000
    manifest = entries["manifest.json"]
    assert [file["bytes"] for file in manifest["files"]] == [800_000]
    assert manifest["missing_files"] == [f"files/{gone}/_a_b.txt"]


async def test_the_account_erases_itself_with_a_receipt_that_can_be_fetched(
    client: httpx.AsyncClient, services: Services, database_urls: DatabaseUrls, user: SignedIn
) -> None:
    with psycopg.connect(database_urls.owner, autocommit=True) as connection:
        fill(connection, user.principal)
        await add_document(connection, services, user, b"original")
    response = await client.delete("/users/me", headers=user.headers)
    assert response.status_code == 204
    assert (await client.get("/users/me/export", headers=user.headers)).status_code == 401
    receipt = (await client.get(response.links["receipt"]["url"])).json()
    assert receipt["signed"] == response.headers["x-erasure-receipt"]
    assert receipt["verified"]
    assert receipt["files"] == 1
    assert receipt["rows"]["core.documents"] == {"before": 2, "after": 0}


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_a_stranger_gets_nothing(client: httpx.AsyncClient, method: str) -> None:
    path = "/users/me/export" if method == "GET" else "/users/me"
    assert (await client.request(method, path)).status_code == 401


async def test_an_archive_larger_than_memory_would_allow_is_written_in_pieces() -> None:
    piece = bytes(2**20)

    async def much() -> AsyncIterator[bytes]:
        for _ in range(64):
            yield piece

    archive, size = ZipPieces(), 0
    tracemalloc.start()
    async for ready in archive.add("zeros", much()):
        size += len(ready)
    size += len(archive.end())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert 0 < size < 64 * len(piece)
    assert peak < 8 * len(piece)


@pytest.mark.parametrize("path", ["/users", "/admin/users"])
async def test_an_admin_erases_an_account_with_the_same_receipt(
    client: httpx.AsyncClient, admin: SignedIn, user: SignedIn, path: str
) -> None:
    url = f"{path}/{user.id}"
    assert (await client.delete(url, headers=user.headers)).status_code in (400, 403)
    response = await client.delete(url, headers=admin.headers)
    assert response.status_code == 204
    receipt = (await client.get(response.links["receipt"]["url"])).json()
    assert receipt["rows"]["core.users"] == {"before": 1, "after": 0}
    assert (await client.delete(url, headers=admin.headers)).status_code == 404
    own = await client.delete(f"{path}/{admin.id}", headers=admin.headers)
    assert (own.status_code, own.json()["detail"]) == (400, "Cannot delete your own account")


async def test_an_api_key_gets_neither_the_export_nor_the_erasure(
    client: httpx.AsyncClient, user: SignedIn
) -> None:
    body = {"name": "script", "scopes": ["read", "write", "llm", "admin"]}
    made = (await client.post("/auth/api-keys", json=body, headers=user.headers)).json()
    headers = {"Authorization": f"Bearer {made['key']}"}
    assert (await client.get("/projects", headers=headers)).status_code == 200
    assert (await client.get("/users/me/export", headers=headers)).status_code == 403
    assert (await client.delete("/users/me", headers=headers)).status_code == 403
