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
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from baukasten_core.api import Messages, Showcase
from baukasten_core.plugins import PluginHost
from baukasten_core.testing.contracts.showcase import ShowcaseContract
from baukasten_core.testing.fixtures_app import SignedIn

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


class TestContract(ShowcaseContract):
    @pytest.fixture
    def showcase(self, host: PluginHost) -> Showcase:
        (found,) = host.showcases().values()
        return found


def test_every_text_is_there_in_every_language(plugin: ModuleType) -> None:
    texts = Messages(Path(str(plugin.__file__)).parent / "messages")
    assert texts.languages == ("de", "en", "es")
    assert texts.faults() == []


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
