"""`baukasten embeddings`, with a worker of the same platform beside it."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from click.testing import CliRunner, Result

from baukasten_core.assembly import open_services
from baukasten_core.background import build_worker
from baukasten_core.cli.main import baukasten
from baukasten_core.contracts.auth import Principal
from baukasten_core.db.session import Database
from baukasten_core.errors import BadRequest, BaukastenError, Conflict
from baukasten_core.plugins import PluginHost
from baukasten_core.services import Services
from baukasten_core.settings import Settings
from baukasten_core.testing.fakes import FakeEmbedder
from baukasten_core.testing.fixtures_app import test_settings as settings_of
from baukasten_core.testing.fixtures_db import DatabaseUrls

MORE = {
    "new": {
        "provider": "ollama",
        "options": {"model": "hashed-words-new", "dimensions": 64},
    }
}
"""Its space is known without a server; the worker's embedder is a fake of the same space."""


class Named(FakeEmbedder):
    """A fake in the space of another embedder."""

    def __init__(self, like: Any, variant: str = "") -> None:
        super().__init__(like.space.dimensions, variant)
        self.space = like.space


@pytest.fixture
def settings(database_urls: DatabaseUrls, tmp_path: Path) -> Settings:
    return settings_of(tmp_path, database_urls, embedding={"more": MORE})


@contextmanager
def worker(settings: Settings, owner: Principal, project: UUID) -> Iterator[None]:
    """A platform in a thread of its own: it puts a document in, then runs jobs."""
    ready, ending = threading.Event(), threading.Event()

    async def run() -> None:
        from baukasten_core.build import build_embedder, build_more_embedders

        host = PluginHost.discover()
        default = Named(build_embedder(settings, host))
        more = {
            name: Named(each, name) for name, each in build_more_embedders(settings, host).items()
        }
        opened = open_services(settings, host, embedder=default, more_embedders=more)
        async with opened as services:
            await _put(services, owner, project)
            work = build_worker(services)
            running = asyncio.create_task(work.run())
            ready.set()
            await asyncio.to_thread(ending.wait)
            await work.stop()
            await running

    thread = threading.Thread(target=asyncio.run, args=(run(),))
    thread.start()
    try:
        assert ready.wait(30)
        yield
    finally:
        ending.set()
        thread.join(30)


async def _put(services: Services, owner: Principal, project: UUID) -> None:
    added = await services.documents.add_text(owner, "Herons fish.", project_id=project)
    ingest = services.documents.handlers()["documents.ingest"].run
    await ingest(owner.scope, document_id=added.id)


@pytest.fixture
def project(database_urls: DatabaseUrls, tenant: Principal) -> UUID:
    import psycopg

    from baukasten_core.db.urls import libpq_url

    made = uuid4()
    with psycopg.connect(libpq_url(database_urls.owner)) as connection:
        connection.execute(
            "INSERT INTO core.projects (id, tenant_id, user_id, name, type)"
            " VALUES (%s, %s, %s, 'p', 'other')",
            [made, tenant.tenant_id, tenant.user_id],
        )
    return made


def run(settings: Settings, *arguments: str) -> Result:
    url = settings.database.app_url
    assert url is not None
    environment = {
        "BAUKASTEN_DATABASE_APP_URL": url.get_secret_value(),
        "BAUKASTEN_HOME": str(settings.home),
        "BAUKASTEN_EMBEDDING_MORE": json.dumps(MORE),
    }
    return CliRunner().invoke(
        baukasten, ["embeddings", *arguments], env=environment, catch_exceptions=False
    )


def report(settings: Settings) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run(settings, "status", "--json").stdout)
    return found


def test_a_project_is_moved_watched_rolled_back_moved_again_and_confirmed(
    settings: Settings, tenant: Principal, project: UUID
) -> None:
    named = ("--project", str(project))

    def usage() -> list[str | None]:
        return [
            row["embedder"] for row in report(settings)["usage"] if row["project"] == str(project)
        ]

    with worker(settings, tenant, project):
        assert usage() == ["default"]
        done = run(settings, "migrate", "--to", "new", *named)
        assert done.exit_code == 0, done.output
        assert f"project {project} has moved" in done.stdout
        (move,) = report(settings)["moves"]
        assert (move["state"], move["from"], move["to"]) == ("moved", "default", "new")
        assert move["done"] == move["total"] == 1
        assert usage() == ["new"]
        done = run(settings, "rollback", *named)
        assert f"project {project} is done" in done.stdout
        assert usage() == ["default"]
        assert report(settings)["moves"] == []
        assert run(settings, "migrate", "--to", "new", *named, "--json").exit_code == 0
        assert run(settings, "confirm", *named).exit_code == 0
        assert usage() == ["new"]
        (move,) = report(settings)["moves"]
        assert move["state"] == "settled"
        assert "nothing to move" in run(settings, "migrate", "--to", "new", "--all").stdout
        people = run(settings, "status")
        assert people.exit_code == 0
        assert "settled" in people.output


def test_a_move_is_paused_and_resumed_without_waiting(
    settings: Settings, tenant: Principal, project: UUID, database: Database
) -> None:
    named = ("--tenant", str(tenant.tenant_id))
    with worker(settings, tenant, project):
        pass
    # No worker runs now, so nothing is done meanwhile.
    assert run(settings, "migrate", "--to", "new", *named, "--detach").exit_code == 0
    assert run(settings, "pause", *named).exit_code == 0
    states = {m["project"]: m["state"] for m in report(settings)["moves"]}
    assert states[str(project)] == "paused"
    assert run(settings, "resume", *named, "--detach").exit_code == 0
    states = {m["project"]: m["state"] for m in report(settings)["moves"]}
    assert states[str(project)] == "running"
    with pytest.raises(Conflict, match="is running"):
        run(settings, "confirm", *named)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("migrate", "--to", "new"), "Say what is meant"),
        (("migrate", "--to", "new", "--all", "--tenant", str(uuid4())), "Say what is meant"),
        (("migrate", "--to", "new", "--project", str(uuid4())), "There are no documents there"),
        (("confirm", "--project", str(uuid4())), "There is no move there"),
    ],
)
def test_mistakes_are_named_with_what_to_do(
    settings: Settings, arguments: tuple[str, ...], said: str
) -> None:
    done = run(settings, *arguments)
    assert done.exit_code != 0
    assert said in done.output


def test_an_embedder_that_is_not_configured_is_named(
    settings: Settings, tenant: Principal, project: UUID
) -> None:
    with worker(settings, tenant, project), pytest.raises(BadRequest, match="`default`, `new`"):
        run(settings, "migrate", "--to", "nobody", "--project", str(project))
    assert issubclass(BadRequest, BaukastenError)
