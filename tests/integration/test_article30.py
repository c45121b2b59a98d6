"""The record of processing activities names every table, and every service that gets data."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from baukasten_core.cli.main import baukasten
from baukasten_core.db.datamap import CORE_DATA_MAP
from baukasten_core.plugins import PluginHost
from baukasten_core.testing.fixtures_app import test_settings
from baukasten_core.testing.fixtures_db import DatabaseUrls
from baukasten_core.upkeep import processors


@pytest.fixture
def runner(database_urls: DatabaseUrls, tmp_path: Path) -> CliRunner:
    variables = {
        "BAUKASTEN_HOME": str(tmp_path),
        "BAUKASTEN_DATABASE_APP_URL": database_urls.app,
        "BAUKASTEN_PRIVACY_CONTROLLER": "Example Ltd, Example Street 1",
    }
    return CliRunner(env=variables)


def test_every_table_of_the_data_map_is_in_the_record(runner: CliRunner) -> None:
    result = runner.invoke(baukasten, ["privacy", "record", "--json"])
    assert result.exit_code == 0, result.output
    record = json.loads(result.stdout)
    tables = {name for activity in record["activities"] for name in activity["tables"]}
    assert {entry.table for entry in CORE_DATA_MAP} <= tables
    assert record["controller"] == "Example Ltd, Example Street 1"
    assert {processor["region"] for processor in record["processors"]} == {"local"}


def test_it_prints_as_markdown(runner: CliRunner) -> None:
    result = runner.invoke(baukasten, ["privacy", "record"])
    assert result.exit_code == 0, result.output
    assert "| core | sign-in | people with an account | contract (Art. 6(1)(b)) |" in result.stdout
    assert "None: all data stays here." in result.stdout


def test_a_configured_service_is_named_with_its_region_and_processor(
    database_urls: DatabaseUrls, tmp_path: Path
) -> None:
    eu = {"region": "eu", "processor": "Example Hosting Ltd"}
    settings = test_settings(
        tmp_path,
        database_urls,
        llm={
            "instances": {
                "house": {"provider": "openai_compatible", "base_url": "http://127.0.0.1:1/v1"},
                "hosted": {
                    "provider": "openai_compatible",
                    "base_url": "https://llm.example.test/v1",
                    **eu,
                },
                "undeclared": {
                    "provider": "openai_compatible",
                    "base_url": "https://elsewhere.example.test/v1",
                },
            },
            "chain": ("house",),
        },
        storage={
            "blob_options": {"url": "s3://bucket/files", **eu},
            "vectors": "theirs",  # of a plugin, with an SDK that knows the address
            "vector_options": eu,
        },
    )
    found = {
        (p.kind, p.name, p.region, p.processor) for p in processors(settings, PluginHost.discover())
    }
    assert found == {
        ("language model", "ollama", "local", None),
        ("language model", "house", "local", None),
        ("language model", "hosted", "eu", "Example Hosting Ltd"),
        ("original files", "fsspec", "eu", "Example Hosting Ltd"),
        ("vectors", "theirs", "eu", "Example Hosting Ltd"),
    }
