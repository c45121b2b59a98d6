"""What holds for every showcase in this repository."""

from __future__ import annotations

import asyncio
import importlib
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import UUID

import pytest
import schemathesis
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from sqlalchemy import create_engine, inspect
from sqlalchemy.pool import NullPool

from baukasten_core.api import Messages
from baukasten_core.app import migrated_showcases
from baukasten_core.db.migrate import Migrated, downgrade, heads, migrate
from baukasten_core.db.roles import Roles
from baukasten_core.db.urls import sqlalchemy_url
from baukasten_core.plugins import PluginHost
from baukasten_core.testing.fixtures_app import SignedIn
from baukasten_core.testing.fixtures_db import DatabaseUrls, TestDatabases

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
LIMITS = settings(
    max_examples=10,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module", params=["cv_matcher", "privategpt", "tellmelife"])
def plugin(request: pytest.FixtureRequest) -> ModuleType:
    return importlib.import_module(f"baukasten_{request.param}.plugin")


@pytest.fixture(scope="module")
def migrated(host: PluginHost) -> Migrated:
    found = migrated_showcases(host)
    if not found:
        pytest.skip("this showcase has no tables")
    return found[0]


def test_every_text_is_there_in_every_language(plugin: ModuleType) -> None:
    texts = Messages(Path(str(plugin.__file__)).parent / "messages")
    assert texts.languages == ("de", "en", "es")
    assert texts.faults() == []


def test_migrations_have_one_head_and_go_up_down_and_up_again(
    databases: TestDatabases, migrated: Migrated
) -> None:
    assert len(heads(migrated)) == 1
    url = databases.create(migrated).owner
    every_table = {entry.table for entry in migrated.data_map}
    assert _tables(url, migrated.schema) == every_table
    roles = Roles("baukasten")
    engine = create_engine(sqlalchemy_url(url), poolclass=NullPool)
    with engine.begin() as connection:
        connection.exec_driver_sql(f'SET LOCAL ROLE "{roles.owner}"')
        downgrade(connection, roles, migrated)
    assert _tables(url, migrated.schema) == set()
    assert not migrate(url, [migrated]).failed
    assert _tables(url, migrated.schema) == every_table
    engine.dispose()


def _tables(url: str, schema: str) -> set[str]:
    engine = create_engine(sqlalchemy_url(url), poolclass=NullPool)
    try:
        return set(inspect(engine).get_table_names(schema=schema)) - {"alembic_version"}
    finally:
        engine.dispose()


def test_models_and_migrations_agree(
    database_urls: DatabaseUrls, host: PluginHost, migrated: Migrated
) -> None:
    metadata = host.showcases()[migrated.schema].tables
    assert metadata is not None

    def of_this_showcase(name: str | None, kind: str, parents: Any) -> bool:
        return name == migrated.schema if kind == "schema" else name != "alembic_version"

    options = {"include_schemas": True, "include_name": of_this_showcase, "compare_type": True}
    engine = create_engine(sqlalchemy_url(database_urls.owner), poolclass=NullPool)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts=options)
        differences = compare_metadata(context, metadata)
    engine.dispose()
    assert [item for item in differences if not _leads_to_the_core(item)] == []


def _leads_to_the_core(difference: Any) -> bool:
    """A foreign key that only the migration has, because its target is a table of the core's."""
    if difference[0] != "remove_fk":
        return False
    return all(element.target_fullname.startswith("core.") for element in difference[1].elements)


async def test_every_operation_answers_as_documented(
    app: FastAPI, served: str, user: SignedIn, project: str, host: PluginHost
) -> None:
    (name,) = host.showcases()
    document = app.openapi()
    schema = schemathesis.openapi.from_dict(document)
    schema.config.update(base_url=served)
    faults: list[str] = []
    paths = [path for path in document["paths"] if path.startswith(f"/{name}/")]
    assert paths
    for path in paths:
        for method in document["paths"][path]:
            operation = schema[path][method.upper()]
            fault = await asyncio.to_thread(_try, operation, user, UUID(project))
            faults += [f"{method.upper()} {path}: {fault}"] if fault else []
    assert not faults, "\n\n".join(faults)


def _try(operation: Any, caller: SignedIn, project: UUID) -> str | None:
    """What is wrong with one operation on a project that is there."""

    @LIMITS
    @given(case=operation.as_strategy())
    def call(case: Any) -> None:
        if case.meta is None or case.meta.generation.mode.is_positive:
            case.path_parameters["project_id"] = str(project)
        case.call_and_validate(headers=caller.headers, checks=CHECKS)

    try:
        call()
    except BaseExceptionGroup as error:
        return "\n".join(str(error).splitlines()[:20])
    return None
