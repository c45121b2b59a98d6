"""The OpenAPI document, with the problem answers that every operation shares written once."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from baukasten_core.http.errors import PROBLEM, problem_responses

EVERYWHERE = (413, 503)
"""A body over the limit; a database that does not answer."""

AUTHENTICATED = (401, 403, 404)
"""No valid token; an API key without the scope; a tenant or a thing that is not the caller's."""


def document_problems(app: FastAPI) -> None:
    """Make `app.openapi()` add them, and problem documents beside FastAPI's own 422."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = generate()
            for methods in document["paths"].values():
                for operation in methods.values():
                    _add_problems(operation)
        assert app.openapi_schema is not None
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _add_problems(operation: dict[str, Any]) -> None:
    statuses = EVERYWHERE + (AUTHENTICATED if operation.get("security") else ())
    responses = operation["responses"]
    for status, response in problem_responses(*statuses).items():
        responses.setdefault(str(status), response)
    if "422" in responses:
        (problem,) = problem_responses(422).values()
        responses["422"].setdefault("content", {})[PROBLEM] = problem["content"][PROBLEM]
