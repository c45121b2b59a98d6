"""Every operation of the showcase answers as documented, whatever it is called with."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from baukasten_core.testing.fixtures_app import SignedIn

if TYPE_CHECKING:
    from conftest import Life

CHECKS = [status_code_conformance, content_type_conformance, response_schema_conformance]
"""500 is not documented anywhere, so it fails; a 503 that says what is down is."""

LIMITS = settings(
    max_examples=25,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.usefixtures("no_llm")
async def test_every_operation_answers_as_documented(
    app: FastAPI, served: str, life: Life, user: SignedIn
) -> None:
    """With ids of things that are there, except where a call would take them away."""
    entry = await life.entry("1962-03-03", "The first morning smelled of paint.")
    await life.chapter(entry)
    book = await life.book()
    ids = {"project_id": life.project, "entry_id": entry["id"], "book_id": book["id"]}
    document = app.openapi()
    schema = schemathesis.openapi.from_dict(document)
    schema.config.update(base_url=served)
    faults: list[str] = []
    for path, methods in document["paths"].items():
        for method in methods if path.startswith("/tellmelife/") else ():
            real = {} if method == "delete" else ids
            operation = schema[path][method.upper()]
            fault = await asyncio.to_thread(_try, operation, user, real)
            faults += [f"{method.upper()} {path}: {fault}"] if fault else []
    assert not faults, "\n\n".join(faults)


def _try(operation: Any, caller: SignedIn, ids: dict[str, str]) -> str | None:
    @LIMITS
    @given(case=operation.as_strategy())
    def call(case: Any) -> None:
        case.path_parameters = {
            name: ids.get(name, value) for name, value in case.path_parameters.items()
        }
        case.call_and_validate(headers=caller.headers, checks=CHECKS)

    try:
        call()
    except BaseException as error:
        return "\n".join(str(error).splitlines()[:20])
    return None
