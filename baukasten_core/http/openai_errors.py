"""Errors under `/v1` in the shape OpenAI's clients read: `{"error": {"message": ...}}`."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute

from baukasten_core.errors import BaukastenError


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


def openai_error(error: BaukastenError) -> JSONResponse:
    """One of our errors as OpenAI's clients expect it."""
    message = f"{error.detail} {error.hint}" if error.hint else error.detail
    return _response(error.status, message, error.type, headers=error.headers)


def _invalid(error: RequestValidationError) -> JSONResponse:
    first = error.errors()[0]
    path = [str(part) for part in first["loc"] if part != "body"]
    param = path[0] if path else None
    return _response(400, f"{'.'.join(path) or 'body'}: {first['msg']}", "invalid-request", param)


def _response(
    status: int,
    message: str,
    code: str,
    param: str | None = None,
    headers: dict[str, str] | None = None,
) -> JSONResponse:
    kind = "invalid_request_error" if status < 500 else "server_error"
    body = {"message": message, "type": kind, "param": param, "code": code}
    return JSONResponse({"error": body}, status, headers=headers)
