"""Errors under `/v1` in the shape OpenAI's clients read: `{"error": {"message": ...}}`."""

from __future__ import annotations

from typing import Any

from baukasten_core.http.shaped_errors import ShapedRoute, shaped_responses


class OpenAIRoute(ShapedRoute):
    """A route whose errors have OpenAI's shape."""

    @staticmethod
    def shape(status: int, message: str, code: str, param: str | None) -> dict[str, Any]:
        kind = "invalid_request_error" if status < 500 else "server_error"
        return {"error": {"message": message, "type": kind, "param": param, "code": code}}


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
    return shaped_responses(ERROR_SCHEMA, *statuses)
