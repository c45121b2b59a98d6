"""Commands of the core read the configuration that the platform runs with, and ask its database,
the embedded one too."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest
import yaml
from click.testing import CliRunner, Result

from baukasten_core.cli.main import baukasten
from baukasten_core.db.embedded import EmbeddedPostgres, start_embedded
from baukasten_core.errors import StartupRefused
from baukasten_core.settings import load_settings
from baukasten_core.testing.fixtures_db import FAST

SETTINGS = {
    "database": {"role_prefix": "house"},
    "plugins": {"disabled": ["privategpt"]},
    "privacy": {"controller": "Example Ltd"},
    "llm": {
        "instances": {
            "hosted": {
                "provider": "openai_compatible",
                "base_url": "https://llm.example.test/v1",
                "region": "eu",
            }
        },
        "chain": ["hosted"],
    },
}


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    # Not below pytest's own folder: see `postgres` in baukasten_core/testing.
    with TemporaryDirectory(prefix="baukasten-home-") as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def config(home: Path) -> Path:
    """A serve_config.yaml that names the home and more."""
    path = home / "serve_config.yaml"
    shared = {"home": str(home), **SETTINGS}
    applications = [{"name": name, "args": {"settings": shared}} for name in ("api", "worker")]
    path.write_text(yaml.safe_dump({"applications": applications}))
    return path


@pytest.fixture(scope="module")
def server(home: Path, config: Path) -> Iterator[EmbeddedPostgres]:
    """The platform's embedded PostgreSQL, running and migrated."""
    password = load_settings({"home": home}).database.embedded_password
    assert password is not None
    server = start_embedded(home / "postgres", password.get_secret_value(), options=FAST)
    done = run("migrate", "--config", str(config))
    assert done.exit_code == 0, done.output
    yield server
    server.stop()


def run(*arguments: str) -> Result:
    return CliRunner().invoke(baukasten, arguments, catch_exceptions=False)


def listed(*arguments: str) -> dict[str, dict[str, str]]:
    done = run("plugins", "--json", *arguments)
    return {row["name"]: row for row in json.loads(done.stdout)}


@pytest.fixture
def broken(server: EmbeddedPostgres) -> Iterator[None]:
    """A showcase whose migration failed, as the platform remembers it."""
    state = "UPDATE core.plugins SET reason = %s WHERE name = 'tellmelife'"
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute(state, ["its migration failed: out of luck"])
    yield
    start_embedded(server.data.parent, server.password, options=FAST)
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute(state, [None])


@pytest.mark.usefixtures("broken")
def test_plugins_names_a_failed_migration_in_the_embedded_database(
    config: Path, server: EmbeddedPostgres
) -> None:
    rows = listed("--config", str(config))
    assert rows["tellmelife"]["reason"] == "its migration failed: out of luck"
    assert rows["cv_matcher"]["status"] == "ready"
    assert server.pid is not None, "a running platform's database is left running"


@pytest.mark.usefixtures("broken")
def test_plugins_leaves_a_database_that_was_not_running_as_it_was(
    config: Path, server: EmbeddedPostgres
) -> None:
    server.stop()
    # As if it had been killed: the number in its file is nobody's.
    (server.data / "postmaster.pid").write_text(f"{2**22 + 1}\n{server.data}\n0\n5432\n\n\n")
    assert listed("--config", str(config))["tellmelife"]["status"] == "quarantined"
    assert server.pid is None


@pytest.mark.usefixtures("server")
def test_a_plugin_that_the_file_disables_is_not_listed(config: Path) -> None:
    assert "privategpt" not in listed("--config", str(config))


@pytest.mark.usefixtures("server")
def test_the_file_of_the_current_folder_is_read(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(config.parent)
    assert "privategpt" not in listed()


@pytest.mark.usefixtures("server")
def test_the_record_of_processing_comes_from_the_embedded_database(config: Path) -> None:
    done = run("privacy", "record", "--json", "--config", str(config))
    record = json.loads(done.stdout)
    assert record["controller"] == "Example Ltd"
    assert ("hosted", "eu") in {(p["name"], p["region"]) for p in record["processors"]}
    assert {"entries", "users"} <= {
        name for each in record["activities"] for name in each["tables"]
    }


def test_an_admin_is_made_with_the_roles_that_the_file_names(
    config: Path, server: EmbeddedPostgres
) -> None:
    done = run("admin", "create", "boss@example.test", "--config", str(config))
    assert "Password: " in done.output
    with psycopg.connect(server.url) as connection:
        query = "SELECT email FROM core.users WHERE is_admin"
        assert connection.execute(query).fetchall() == [("boss@example.test",)]


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(Exception, match=r"nowhere\.yaml is not there"):
        run("plugins", "--config", str(tmp_path / "nowhere.yaml"))


@pytest.mark.parametrize("command", [("migrate",), ("privacy", "record")])
def test_without_a_platform_it_says_how_to_start_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.setenv("BAUKASTEN_HOME", str(tmp_path))
    with pytest.raises(StartupRefused) as refused:
        run(*command)
    assert "baukasten up" in str(refused.value.hint)


def test_plugins_are_listed_also_while_the_database_is_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BAUKASTEN_HOME", str(tmp_path))
    monkeypatch.setenv("BAUKASTEN_DATABASE_APP_URL", "postgresql://x@127.0.0.1:1/x")
    done = run("plugins")
    assert "tellmelife" in done.stdout
    assert done.exit_code == 0
    assert "Migrations were not checked: The database does not answer." in done.stderr
