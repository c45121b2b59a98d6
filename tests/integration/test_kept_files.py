"""Files that a showcase keeps go where their project and their user go."""

from __future__ import annotations

import io
from collections.abc import Awaitable, Callable
from dataclasses import replace
from uuid import UUID, uuid4
from zipfile import ZipFile

import httpx
import psycopg
import pytest

from baukasten_core.contracts.auth import Principal
from baukasten_core.errors import NotFound
from baukasten_core.kit import Kit
from baukasten_core.services import Services
from baukasten_core.testing.fixtures_app import SignedIn
from baukasten_core.testing.fixtures_db import DatabaseUrls

CONTENT = bytes(range(256)) * 1000


@pytest.fixture
def kit(services: Services, user: SignedIn) -> Kit:
    return Kit(services, user.principal)


async def new_project(client: httpx.AsyncClient, user: SignedIn) -> UUID:
    body = {"name": "Files", "type": "other"}
    response = await client.post("/projects", json=body, headers=user.headers)
    return UUID(response.json()["id"])


async def read(kit: Kit, project: UUID, file: UUID) -> bytes:
    return b"".join([piece async for piece in await kit.open_file(project, file)])


def stored(services: Services, project: UUID) -> list[str]:
    blobs = services.settings.home / "blobs"
    return [path.name for path in blobs.rglob(f"{project}/*")]


async def test_a_file_is_kept_replaced_and_deleted(
    client: httpx.AsyncClient, kit: Kit, user: SignedIn
) -> None:
    project, file = await new_project(client, user), uuid4()
    assert await kit.put_file(project, file, CONTENT, filename="a.bin") == len(CONTENT)
    assert await read(kit, project, file) == CONTENT
    await kit.put_file(project, file, b"", filename="a.bin")
    assert await read(kit, project, file) == b""
    assert await kit.delete_file(project, file) is True
    assert await kit.delete_file(project, file) is False
    with pytest.raises(NotFound):
        await kit.open_file(project, file)
    assert stored(kit.services, project) == []


async def test_a_stranger_reaches_nothing_of_it(
    client: httpx.AsyncClient, kit: Kit, user: SignedIn, other_user: SignedIn
) -> None:
    project, file = await new_project(client, user), uuid4()
    await kit.put_file(project, file, CONTENT, filename="a.bin")
    stranger = Kit(kit.services, other_user.principal)
    with pytest.raises(NotFound):
        await stranger.open_file(project, file)
    with pytest.raises(NotFound):
        await stranger.put_file(project, uuid4(), b"x", filename="x")
    assert await stranger.delete_file(project, file) is False
    assert await read(kit, project, file) == CONTENT


async def test_files_go_with_their_project_and_none_comes_after(
    client: httpx.AsyncClient,
    kit: Kit,
    user: SignedIn,
    run_jobs: Callable[[], Awaitable[None]],
) -> None:
    project = await new_project(client, user)
    await kit.put_file(project, uuid4(), CONTENT, filename="a.bin")
    assert len(stored(kit.services, project)) == 1
    await client.delete(f"/projects/{project}", headers=user.headers)
    await run_jobs()
    assert stored(kit.services, project) == []
    with pytest.raises(NotFound):
        await kit.put_file(project, uuid4(), CONTENT, filename="late.bin")
    assert stored(kit.services, project) == []


@pytest.fixture
def guest(database_urls: DatabaseUrls, user: SignedIn, other_user: SignedIn) -> Principal:
    """`other_user`, acting in `user`'s tenant as a member."""
    tenant = user.principal.tenant_id
    with psycopg.connect(database_urls.owner) as connection:
        connection.execute(
            "INSERT INTO core.memberships (tenant_id, user_id, role) VALUES (%s, %s, 'member')",
            [tenant, other_user.id],
        )
    return replace(other_user.principal, tenant_id=tenant, role="member")


async def test_an_erased_users_files_go_also_from_a_tenant_that_stays(
    client: httpx.AsyncClient, kit: Kit, user: SignedIn, other_user: SignedIn, guest: Principal
) -> None:
    project, mine, theirs = await new_project(client, user), uuid4(), uuid4()
    await kit.put_file(project, mine, CONTENT, filename="mine.bin")
    await Kit(kit.services, guest).put_file(project, theirs, CONTENT, filename="Theirs.pdf")
    export = await client.get("/users/me/export", headers=other_user.headers)
    with ZipFile(io.BytesIO(export.content)) as archive:
        assert archive.read(f"files/{theirs}/Theirs.pdf") == CONTENT
        assert not [name for name in archive.namelist() if str(mine) in name]
    assert (await client.delete("/users/me", headers=other_user.headers)).status_code in {200, 204}
    assert stored(kit.services, project) == [str(mine)]
    assert await read(kit, project, mine) == CONTENT
