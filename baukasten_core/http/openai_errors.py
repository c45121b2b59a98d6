"""Errors under `/v1` in the shape OpenAI's clients read: `{"error": {"message": ...}}`."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute

from baukasten_core.errors import BaukastenError
from baukasten_core.http.errors import problem_responses


class OpenAIRoute(APIRoute):
    """A route whose errors, those of its dependencies included, have OpenAI's shape."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handler(request: Request) -> Response:
            try:
                return await handle(request)
            except BaukastenError as error:
                return openai_error(error)
            except RequestValidationError as error:
                return _invalid(error)

        return handler


ERROR_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "param", "code"],
            "properties": {
                "message": {"type": "string"},
                "type": {"type": "string"},
                "param": {"type": ["string", "null"]},
                "code": {"type": ["string", "null"]},
            },
        }
    },
}


def openai_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For a router's `responses`: these statuses come in OpenAI's shape, or as a problem document
    where the request never reached a route."""
    responses = problem_responses(*statuses)
    for response in responses.values():
        response["content"] = {
            "application/json": {"schema": ERROR_SCHEMA},
            **response["content"],
        }
    return responses


def openai_error(error: BaukastenError) -> JSONResponse:
    """One of our errors as OpenAI's clients expect it."""
    return JSONResponse(error_body(error), error.status, headers=error.headers)


def error_body(error: BaukastenError) -> dict[str, Any]:
    """The same, as it stands in a response or in the middle of a stream."""
    message = f"{error.detail} {error.hint}" if error.hint else error.detail
    return _body(error.status, message, error.type)


def _invalid(error: RequestValidationError) -> JSONResponse:
    first = error.errors()[0]
    path = [str(part) for part in first["loc"] if part != "body"]
    message = f"{'.'.join(path) or 'body'}: {first['msg']}"
    return JSONResponse(_body(400, message, "invalid-request", path[0] if path else None), 400)


def _body(status: int, message: str, code: str, param: str | None = None) -> dict[str, Any]:
    kind = "invalid_request_error" if status < 500 else "server_error"
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}
