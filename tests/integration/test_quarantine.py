"""A plugin that is broken in any way is quarantined with a reason; the rest serves."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI

from baukasten_core.app import create_app
from baukasten_core.background import job_handlers
from baukasten_core.databases import migrate_database
from baukasten_core.db.migrate import Migrated
from baukasten_core.db.state import PluginState, what_is_missing
from baukasten_core.plugins import PluginHost
from baukasten_core.services import Services
from baukasten_core.settings import Settings
from baukasten_core.testing.fakes import FakeEmbedder
from baukasten_core.testing.fixtures_app import SignedIn, test_settings
from baukasten_core.testing.fixtures_db import DatabaseUrls, TestDatabases

PLUGIN = """
from pathlib import Path
from baukasten_core.api import Job, PersonalData, Showcase, ShowcaseOptions, hookimpl

class Options(ShowcaseOptions):
    greeting: str = "hello"

@hookimpl
def register_showcase():
    from fastapi import APIRouter
    router = APIRouter()

    @router.get("/hello")
    async def hello() -> str:
        return "hello"

    return Showcase(
        name="{name}",
        title={{"en": "{name}"}},
        router=router,
        data_map=[{data_map}],
        {more}
    )
"""
TABLES = 'migrations=Path(__file__).parent / "versions"'
REVISION = """
import sqlalchemy as sa
from alembic import op
from baukasten_core.db.tenancy import protect_table
from baukasten_core.api import create_tenant_table, drop_tenant_table

revision = "{revision}"
down_revision = None

def upgrade():
    {upgrade}

def downgrade():
    pass
"""
MAPPED = 'PersonalData("notes", "writers", "notes", "contract")'
PLAIN = (
    'sa.Column("id", sa.Uuid, primary_key=True), sa.Column("tenant_id", sa.Uuid, nullable=False), '
    'sa.Column("user_id", sa.Uuid, nullable=False), schema="{name}"'
)
TENANT = "tenant_id = NULLIF(current_setting('baukasten.tenant_id', true), '')::uuid"


def key(own: str, theirs: str, extra: str = "") -> str:
    return f"sa.ForeignKeyConstraint([{own}], [{theirs}]{extra})"


TABLE = 'create_tenant_table("notes"{})'
UNPROTECTED = f'op.create_table("notes", {PLAIN})'
PROTECTED = UNPROTECTED + '; protect_table("notes", rule="{rule}")'

BROKEN_TABLES = {
    "raising": ("raise RuntimeError('out of luck')", MAPPED, "out of luck"),
    "unmapped": (TABLE.format(""), "", "unmapped.notes is not on the data map"),
    "wrongmap": (TABLE.format(""), MAPPED.replace("notes", "nots") + ", " + MAPPED, "`nots` is no"),
    "norls": (UNPROTECTED, MAPPED, "norls.notes has no forced row-level security"),
    "simplekey": (
        TABLE.format(
            ', sa.Column("other", sa.Uuid),'
            + key('"other"', '"core.projects.id"', ', ondelete="CASCADE"')
        ),
        MAPPED,
        "must include tenant_id on both sides",
    ),
    "stubborn": (
        TABLE.format(
            ', sa.Column("document_id", sa.Uuid),'
            + key('"tenant_id", "document_id"', '"core.documents.tenant_id", "core.documents.id"')
        ),
        MAPPED,
        "must say ON DELETE CASCADE",
    ),
    "holding": (
        TABLE.format(', sa.Column("reader_id", sa.Uuid),' + key('"reader_id"', '"core.users.id"')),
        MAPPED,
        "holding.notes: the foreign key fk_notes_reader_id must say ON DELETE CASCADE",
    ),
    "keeping": (
        TABLE.format(
            ', sa.Column("lender_id", sa.Uuid, nullable=False),'
            + key('"lender_id"', '"core.tenants.id"', ', ondelete="SET NULL"')
        ),
        MAPPED,
        "must clear a column that may be NULL",
    ),
    "open": (PROTECTED.replace("{rule}", "true"), MAPPED, "open.notes has a policy"),
    "backdoor": (PROTECTED.replace("{rule}", f"{TENANT} OR true"), MAPPED, "has a policy"),
    "sideways": (
        PROTECTED.replace("{rule}", TENANT.replace("tenant_id =", "user_id =")),
        MAPPED,
        "has a policy",
    ),
    "writable": (
        PROTECTED.replace("{rule}", TENANT)
        + '; op.execute("CREATE POLICY more ON writable.notes FOR INSERT WITH CHECK (true)")',
        MAPPED,
        "has a policy that does not ask for the tenant",
    ),
    "unbound": (
        TABLE.format(", project=False")
        + '; op.add_column("notes", sa.Column("project_id", sa.Uuid), schema="unbound")',
        MAPPED,
        "unbound.notes has a project_id that keys of one project pass",
    ),
    "granting": (
        TABLE.format("") + '; op.execute("GRANT TRUNCATE ON granting.notes TO baukasten_app")',
        MAPPED,
        "lets the app role truncate",
    ),
}
BROKEN_REVISIONS = {
    "nosyntax": ("def (", "its migrations can't be read: SyntaxError"),
    "notimport": ("pass\n\nraise SystemExit(3)", "its migrations can't be read: SystemExit: 3"),
    "exitingup": ("raise SystemExit(4)", "its migration failed: SystemExit: 4"),
    "orphan": ("pass\n\ndown_revision = 'gone'", "its migrations can't be read: KeyError: 'gone'"),
}


def showcase(name: str, more: str, data_map: str = "") -> str:
    return PLUGIN.format(name=name, data_map=data_map, more=more)


BROKEN_CODE = {
    "noimport": ("raise RuntimeError('boom')", "import failed: RuntimeError: boom"),
    "misspelt": (
        "from baukasten_core.api import hookimpl\n@hookimpl\ndef register_showcas(): ...",
        "did you mean `register_showcase`?",
    ),
    "hookraises": (
        "from baukasten_core.api import hookimpl\n@hookimpl\ndef register_showcase(): 1 / 0",
        "ZeroDivisionError",
    ),
    "nothing": (
        "from baukasten_core.api import hookimpl\n@hookimpl\ndef register_showcase(): ...",
        "must return a Showcase",
    ),
    "exiting": ("import sys\nsys.exit(5)", "import failed: SystemExit: 5"),
    "hookexits": (
        "import sys\nfrom baukasten_core.api import hookimpl\n"
        "@hookimpl\ndef register_showcase(): sys.exit(6)",
        "SystemExit: 6",
    ),
    "panicking": ("class Panic(BaseException): ...\nraise Panic('!')", "import failed: Panic: !"),
    "norouter": (showcase("norouter", "").replace("router=router", "router=None"), "APIRouter"),
    "nopages": (showcase("nopages", 'pages=Path("/nowhere")'), "/nowhere is no folder"),
    "samejob": (
        showcase("samejob", 'jobs=[Job("healthy.remind", run=print)]'),
        "the job name `healthy.remind` must begin with `samejob.`",
    ),
    "twojobs": (
        showcase("twojobs", 'jobs=[Job("twojobs.a", run=print), Job("twojobs.a", run=print)]'),
        "two of its jobs are called `twojobs.a`",
    ),
    "corejob": (
        showcase("corejob", 'jobs=[Job("documents.ingest", run=print)]'),
        "the job name `documents.ingest` must begin with",
    ),
    "wrongkind": (showcase("wrongkind", "options=dict"), "must be a kind of ShowcaseOptions"),
    "misset": (
        showcase("misset", "options=Options"),
        "unknown setting `plugins.options.misset.greting`; did you mean `greeting`?",
    ),
    "mistyped": (
        showcase("mistyped", "options=Options"),
        "setting `plugins.options.mistyped.greeting`: Input should be a valid string",
    ),
    "optionless": (showcase("optionless", ""), "unknown setting `plugins.options.optionless.a`"),
}
OPTIONS = {"misset": {"greting": "hi"}, "mistyped": {"greeting": 5}, "optionless": {"a": 1}}
REASONS = (
    {name: reason for name, (_, reason) in (BROKEN_CODE | BROKEN_REVISIONS).items()}
    | {name: reason for name, (_, _, reason) in BROKEN_TABLES.items()}
    | {"twoheads": "2 heads", "norevision": "there are no migrations in"}
    | {"nofolder": "there are no migrations in"}
)


def install(folder: Path, name: str, code: str, **revisions: str) -> None:
    """A plugin as pip would leave it: a package and its entry point."""
    package = folder / f"broken_{name}"
    (package / "versions").mkdir(parents=True)
    (package / "__init__.py").write_text(code)
    for revision, upgrade in revisions.items():
        text = REVISION.format(revision=revision, upgrade=upgrade.replace("{name}", name))
        (package / "versions" / f"{revision}.py").write_text(text)
    info = folder / f"broken_{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: broken-{name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[baukasten]\n{name} = broken_{name}\n")


@pytest.fixture(scope="module")
def plugins_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A healthy plugin and one for each way to be broken, on the import path."""
    folder = tmp_path_factory.mktemp("plugins")
    more = f'{TABLES}, jobs=[Job("healthy.remind", run=print)]'
    install(folder, "healthy", showcase("healthy", more, MAPPED), a=TABLE.format(""))
    for name, (code, _) in BROKEN_CODE.items():
        install(folder, name, code)
    for name, (upgrade, data_map, _) in BROKEN_TABLES.items():
        install(folder, name, showcase(name, TABLES, data_map), a=upgrade)
    for name, (upgrade, _) in BROKEN_REVISIONS.items():
        install(folder, name, showcase(name, TABLES), a=upgrade)
    two = showcase("twoheads", TABLES, MAPPED)
    install(folder, "twoheads", two, a=TABLE.format(""), b="pass")
    for name in ("norevision", "nofolder"):
        install(folder, name, showcase(name, TABLES))
    (folder / "broken_nofolder" / "versions").rmdir()
    sys.path.insert(0, str(folder))
    yield folder
    sys.path.remove(str(folder))


@pytest.fixture(scope="module")
def database_urls(databases: TestDatabases) -> DatabaseUrls:
    return databases.create()


@pytest.fixture(scope="module")
def app_settings(
    database_urls: DatabaseUrls, plugins_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Settings:
    """Settings of a platform whose database has been migrated with all these plugins."""
    home = tmp_path_factory.mktemp("home")
    owner = {"url": database_urls.owner, "app_url": database_urls.app}
    migrating = test_settings(home, database_urls, database=owner)
    migrate_database(migrating, PluginHost.discover())
    return test_settings(home, database_urls, plugins={"options": OPTIONS})


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def app(app_settings: Settings) -> AsyncIterator[FastAPI]:
    """A replica: it has not migrated anything, and finds out."""
    app = create_app(app_settings, PluginHost.discover(), embedder=FakeEmbedder())
    async with app.router.lifespan_context(app):
        yield app


@pytest.mark.parametrize("name", sorted(REASONS))
async def test_its_routes_say_why_it_is_quarantined(client: httpx.AsyncClient, name: str) -> None:
    response = await client.get(f"/{name}/hello")
    assert response.status_code == 503
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["retry-after"]
    assert REASONS[name] in response.json()["detail"]


async def test_the_rest_serves(client: httpx.AsyncClient, user: SignedIn) -> None:
    assert (await client.get("/healthy/hello")).json() == "hello"
    body = {"name": "n", "type": "healthy"}
    assert (await client.post("/projects", json=body, headers=user.headers)).status_code == 201
    body = {"name": "n", "type": "norls"}
    assert (await client.post("/projects", json=body, headers=user.headers)).status_code == 422


async def test_health_names_each_with_its_reason(client: httpx.AsyncClient) -> None:
    body = (await client.get("/health")).json()
    assert body["status"] == "degraded"
    rows = {row["name"]: row for row in body["components"] if row["kind"] == "plugin"}
    assert rows["healthy"]["status"] == "ready"
    for name, reason in REASONS.items():
        assert rows[name]["status"] == "quarantined"
        assert reason in rows[name]["reason"]


def test_the_cli_names_each_with_its_reason(
    database_urls: DatabaseUrls, plugins_folder: Path, tmp_path: Path, app_settings: Settings
) -> None:
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(plugins_folder), os.environ.get("PYTHONPATH", "")]),
        "BAUKASTEN_HOME": str(tmp_path),
        "BAUKASTEN_DATABASE_APP_URL": database_urls.app,
        "BAUKASTEN_PLUGINS_OPTIONS": json.dumps(OPTIONS),
    }
    program = "from baukasten_core.cli.main import main; main(['plugins', '--json'])"
    command = [sys.executable, "-c", program]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    rows = {row["name"]: row for row in json.loads(done.stdout)}
    assert rows["healthy"]["status"] == "ready"
    for name, reason in REASONS.items():
        assert reason in rows[name]["reason"], name


def test_the_worker_has_the_jobs_of_those_that_serve(services: Services) -> None:
    handlers = job_handlers(services)
    assert "healthy.remind" in handlers
    assert not [name for name in handlers if name.startswith("twojobs.")]


@pytest.mark.parametrize("name", sorted(BROKEN_REVISIONS.keys() - {"exitingup"}))
def test_a_file_that_breaks_after_the_migration_is_a_reason_too(
    plugins_folder: Path, name: str
) -> None:
    what = Migrated(name, plugins_folder / f"broken_{name}" / "versions")
    reason = what_is_missing(what, PluginState("a", None))
    assert reason is not None
    assert BROKEN_REVISIONS[name][1] in reason


def test_what_a_broken_migration_made_is_rolled_back(database_urls: DatabaseUrls) -> None:
    import psycopg

    with psycopg.connect(database_urls.owner) as connection:
        left = connection.execute(
            "SELECT schemaname FROM pg_tables WHERE tablename = 'notes'"
        ).fetchall()
    assert left == [("healthy",)]
