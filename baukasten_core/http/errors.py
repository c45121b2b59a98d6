"""Every error as problem+json (RFC 9457); the one place that renders them."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from baukasten_core.errors import BaukastenError
from baukasten_core.logs import traceback_of
from baukasten_core.render.sentences import in_their_language, told

log = structlog.get_logger("baukasten.http")

PROBLEM = "application/problem+json"

PROBLEM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What happened."},
        "hint": {"type": "string", "description": "What to do."},
        "message": {
            "type": "string",
            "description": "Both in the language of `Accept-Language`, where we speak it and it "
            "is not English.",
        },
        "request_id": {"type": "string", "description": "Look for it in the log."},
    },
}


def install_error_handlers(app: FastAPI) -> None:
    """Render everything a route raises on purpose; `middleware.RequestContext` does the rest."""
    app.add_exception_handler(BaukastenError, _ours)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(HTTPException, _http)


def problem_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For a route's `responses`: these statuses come as problem documents."""
    content = {PROBLEM: {"schema": PROBLEM_SCHEMA}}
    return {s: {"description": HTTPStatus(s).phrase, "content": content} for s in statuses}


def problem_of(error: BaukastenError) -> dict[str, Any]:
    """The problem document, with what it says in the language that the request asks for as
    `message`, where that is another one than English."""
    said = " ".join(text for text in (error.detail, error.hint) if text and not _literal(text))
    message = in_their_language(said)
    return error.problem() if message is None else {**error.problem(), "message": message}


def _literal(text: str) -> bool:
    """Such as LOGIN_BAD_CREDENTIALS: for programs."""
    return text.isupper() and text.isidentifier()


async def _ours(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, BaukastenError)
    body = {**problem_of(error), "request_id": _request_id(request)}
    if error.status >= 500:
        log.warning("request failed", problem=error.type, request_id=body["request_id"])
    return JSONResponse(body, error.status, headers=error.headers, media_type=PROBLEM)


async def _validation(request: Request, error: Exception) -> JSONResponse:
    """FastAPI's list in `detail`, as clients expect it: the RFC wants a string there, so this
    one is plain JSON. The input itself is not repeated: it may be a password or a document."""
    assert isinstance(error, RequestValidationError)
    items = [
        {key: value for key, value in item.items() if key in {"type", "loc", "msg"}}
        for item in error.errors()
    ]
    body: dict[str, Any] = {"detail": jsonable_encoder(items)}
    if any(in_their_language(item["msg"]) for item in items):
        body["message"] = "; ".join(f"{item['loc'][-1]}: {told(item['msg'])}" for item in items)
    return JSONResponse(body, 422)


async def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    if isinstance(error.__cause__, BaukastenError):
        # FastAPI takes ours for "There was an error parsing the body": the body was too large.
        return await _ours(request, error.__cause__)
    title = HTTPStatus(error.status_code).phrase
    body = {
        "type": "about:blank",
        "title": title,
        "status": error.status_code,
        "detail": str(error.detail) or title,
        "request_id": _request_id(request),
    }
    return JSONResponse(body, error.status_code, headers=error.headers, media_type=PROBLEM)


def unexpected(error: Exception, request_id: str) -> JSONResponse:
    """Log what may be logged of an error that nobody expected, and render it."""
    log.error("unexpected error", request_id=request_id, **traceback_of(error))
    body = {
        "type": "/problems/internal",
        "title": "Internal error",
        "status": 500,
        "detail": "Something went wrong on our side.",
        "hint": f"Report this with the request id {request_id}.",
        "request_id": request_id,
    }
    if message := in_their_language(f"{body['detail']} {body['hint']}"):
        body["message"] = message
    return JSONResponse(body, 500, media_type=PROBLEM)


def _request_id(request: Request) -> str:
    state: str = request.scope.get("state", {}).get("request_id", "")
    return state
