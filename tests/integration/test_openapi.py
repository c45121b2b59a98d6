"""The OpenAPI document is true: schemathesis calls every operation with what it allows and what
it does not, and finds no 500 and no answer that is not documented."""

from __future__ import annotations

import asyncio
from typing import Any

import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from baukasten_core.testing.fixtures_app import SignedIn

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
ENDLESS = {"/documents/{document_id}/events"}
"""Server-sent events that end when the document is ready; they have tests of their own."""

EXPECTED = ("2xx", "3xx", "4xx")

LIMITS = settings(
    max_examples=10,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


async def test_every_operation_answers_as_documented(
    app: FastAPI, served: str, admin: SignedIn
) -> None:
    document = app.openapi()
    schema = schemathesis.openapi.from_dict(document)
    schema.config.update(base_url=served)
    # There is no language model here: 502 and 503 are answers, where they are documented.
    schema.config.checks.not_a_server_error.expected_statuses = [*EXPECTED, "502", "503"]
    faults: list[str] = []
    for path, methods in document["paths"].items():
        for method in methods if path not in ENDLESS else ():
            fault = await asyncio.to_thread(_try, schema[path][method.upper()], admin)
            faults += [f"{method.upper()} {path}: {fault}"] if fault else []
    assert not faults, "\n\n".join(faults)


def _try(operation: Any, caller: SignedIn) -> str | None:
    """What is wrong with one operation; every one is tried, so that all is known at once."""

    @LIMITS
    @given(case=operation.as_strategy())
    def call(case: Any) -> None:
        case.call_and_validate(headers=caller.headers, checks=CHECKS)

    try:
        call()
    except Exception as error:
        return "\n".join(str(error).splitlines()[:20])
    return None
