"""A stranger's plugin, built and installed as a stranger would: served, isolated, exported and
erased, without a line of the core changed."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from zipfile import ZipFile

import httpx
import psycopg
import pytest
import pytest_asyncio
from fastapi import FastAPI
from sqlalchemy import text

from baukasten_core.app import create_app
from baukasten_core.databases import migrate_database
from baukasten_core.db.session import Database
from baukasten_core.plugins import PluginHost
from baukasten_core.settings import Settings
from baukasten_core.testing.fakes import FakeEmbedder
from baukasten_core.testing.fixtures_app import SignedIn, test_settings
from baukasten_core.testing.fixtures_db import DatabaseUrls, TestDatabases

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "docs" / "examples" / "notes"
SHOWCASES = ("cv_matcher", "privategpt", "tellmelife")


def run(*command: str | Path, **variables: str) -> str:
    done = subprocess.run(
        [sys.executable, *map(str, command)],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, **variables},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where pip installed the wheel, on the import path."""
    scratch = tmp_path_factory.mktemp("stranger")
    shutil.copytree(SOURCE, scratch / "notes", ignore=shutil.ignore_patterns("__pycache__"))
    run("-m", "build", "--wheel", "--no-isolation", "--outdir", scratch, scratch / "notes")
    (wheel,) = scratch.glob("*.whl")
    target = scratch / "site"
    pip = ("-m", "pip", "--disable-pip-version-check", "install", "-q", "--no-deps", "--no-index")
    run(*pip, "--target", target, wheel)
    sys.path.insert(0, str(target))
    yield target
    sys.path.remove(str(target))


@pytest.fixture(scope="module")
def database_urls(databases: TestDatabases) -> DatabaseUrls:
    return databases.create()


@pytest.fixture(scope="module")
def app_settings(
    database_urls: DatabaseUrls, site: Path, tmp_path_factory: pytest.TempPathFactory
) -> Settings:
    home = tmp_path_factory.mktemp("home")
    owner = {"url": database_urls.owner, "app_url": database_urls.app}
    migrating = test_settings(home, database_urls, database=owner)
    report = migrate_database(migrating, PluginHost.discover(disabled=SHOWCASES))
    assert not report.failed
    return test_settings(home, database_urls)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def app(app_settings: Settings) -> AsyncIterator[FastAPI]:
    host = PluginHost.discover(disabled=SHOWCASES)
    app = create_app(app_settings, host, embedder=FakeEmbedder())
    async with app.router.lifespan_context(app):
        yield app


async def write_note(client: httpx.AsyncClient, user: SignedIn, note: str) -> str:
    """A note in a new project; answers the notes' path."""
    body = {"name": "Mine", "type": "notes"}
    project = (await client.post("/projects", json=body, headers=user.headers)).json()
    path = f"/notes/projects/{project['id']}/notes"
    response = await client.post(path, json={"text": note}, headers=user.headers)
    assert response.status_code == 201
    return path


async def exported(client: httpx.AsyncClient, user: SignedIn) -> list[str]:
    response = await client.get("/users/me/export", headers=user.headers)
    with ZipFile(io.BytesIO(response.content)) as archive:
        return [row["text"] for row in json.loads(archive.read("data/notes/notes.json"))]


async def test_its_route_is_served(client: httpx.AsyncClient, user: SignedIn) -> None:
    path = await write_note(client, user, "buy bread")
    assert (await client.get(path, headers=user.headers)).json() == ["buy bread"]
    assert "/notes/projects/{project_id}/notes" in (await client.get("/openapi.json")).text


async def test_its_table_is_isolated(
    client: httpx.AsyncClient, database: Database, user: SignedIn, other_user: SignedIn
) -> None:
    path = await write_note(client, user, "secret")
    assert (await client.get(path, headers=other_user.headers)).status_code == 404
    body = {"text": "x"}
    assert (await client.post(path, json=body, headers=other_user.headers)).status_code == 404
    counts = []
    for scope in (user.principal.scope, other_user.principal.scope, None):
        async with database.transaction(scope) as session:
            counts.append(await session.scalar(text("SELECT count(*) FROM notes.notes")))
    assert counts == [1, 0, 0]


async def test_its_data_is_exported_and_erased_with_the_user(
    client: httpx.AsyncClient, database_urls: DatabaseUrls, user: SignedIn, other_user: SignedIn
) -> None:
    await write_note(client, user, "mine")
    kept = await write_note(client, other_user, "theirs")
    assert await exported(client, user) == ["mine"]
    response = await client.delete("/users/me", headers=user.headers)
    receipt = (await client.get(response.links["receipt"]["url"])).json()
    assert receipt["rows"]["notes.notes"] == {"before": 1, "after": 0}
    with psycopg.connect(database_urls.owner) as connection:
        left = "SELECT count(*) FROM notes.notes WHERE user_id = %s"
        assert connection.execute(left, [user.id]).fetchone() == (0,)
    assert (await client.get(kept, headers=other_user.headers)).json() == ["theirs"]


async def test_the_rows_of_a_plugin_that_was_removed_are_still_exported_and_erased(
    client: httpx.AsyncClient, app_settings: Settings, database_urls: DatabaseUrls, user: SignedIn
) -> None:
    await write_note(client, user, "left behind")
    without = PluginHost.discover(disabled=[*SHOWCASES, "notes"])
    app = create_app(app_settings, without, embedder=FakeEmbedder())
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://other") as other:
            assert await exported(other, user) == ["left behind"]
            assert (await other.delete("/users/me", headers=user.headers)).status_code == 204
    with psycopg.connect(database_urls.owner) as connection:
        left = "SELECT count(*) FROM notes.notes WHERE user_id = %s"
        assert connection.execute(left, [user.id]).fetchone() == (0,)


def test_the_cli_lists_it(site: Path, tmp_path: Path, app_settings: Settings) -> None:
    program = "from baukasten_core.cli.main import main; main(['plugins', '--json'])"
    path = os.pathsep.join([str(site), str(ROOT), os.environ.get("PYTHONPATH", "")])
    listed = json.loads(run("-c", program, PYTHONPATH=path, BAUKASTEN_HOME=str(tmp_path)))
    (row,) = (plugin for plugin in listed if plugin["name"] == "notes")
    assert (row["version"], row["status"]) == ("1.0", "ready")


def test_its_whole_source_is_under_sixty_lines() -> None:
    files = [path for path in SOURCE.rglob("*") if path.suffix in (".py", ".toml")]
    assert sum(len(path.read_text().splitlines()) for path in files) < 60
