"""What the tests of `/documents` ask again and again."""

from __future__ import annotations

import asyncio

import httpx

from baukasten_core.testing.fixtures_app import SignedIn

FIELDS = {
    *("id", "user_id", "project_id", "type", "filename", "url", "content", "doc_metadata"),
    *("status", "error", "created_at", "updated_at"),
}


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
