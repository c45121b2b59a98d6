"""Errors of `/v1/messages` in the shape Anthropic's clients read."""

from __future__ import annotations

from typing import Any

from baukasten_core.http.shaped_errors import ShapedRoute, shaped_responses

KINDS = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
}


class AnthropicRoute(ShapedRoute):
    """A route whose errors have Anthropic's shape."""

    @staticmethod
    def shape(status: int, message: str, code: str, param: str | None) -> dict[str, Any]:
        other = "invalid_request_error" if status < 500 else "api_error"
        return {
            "type": "error",
            "error": {"type": KINDS.get(status, other), "message": message, "code": code},
        }


ERROR_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["type", "error"],
    "properties": {
        "type": {"const": "error"},
        "error": {
            "type": "object",
            "required": ["type", "message", "code"],
            "properties": {
                "type": {"type": "string"},
                "message": {"type": "string"},
                "code": {"type": "string"},
            },
        },
    },
}


def anthropic_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For a router's `responses`."""
    return shaped_responses(ERROR_SCHEMA, *statuses)
