"""Anthropic's Messages API, version 2026-10-21: `/v1/messages` and `/v1/models`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, ClassVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from baukasten_core.testing.emulators.base import Emulator
from baukasten_core.testing.emulators.replies import Asked, EmulatedModel, Spoken, speak

KINDS = {
    400: ("invalid_request_error", "the request is not valid"),
    401: ("authentication_error", "invalid x-api-key"),
    403: ("permission_error", "your API key does not have permission"),
    404: ("not_found_error", "not found"),
    413: ("request_too_large", "request exceeds the maximum size"),
    429: ("rate_limit_error", "this request would exceed your rate limit"),
    500: ("api_error", "Internal server error"),
    529: ("overloaded_error", "Overloaded"),
}
SAMPLING = ("temperature", "top_p", "top_k")
STOP_REASONS = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"}


class AnthropicEmulator(Emulator):
    """Anthropic's API. A key is needed unless `api_key` is set to the empty string."""

    default_models: ClassVar[tuple[EmulatedModel, ...]] = (EmulatedModel("claude-tiny-1"),)

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/v1/models", self._models),
            Route("/v1/messages", self._messages, methods=["POST"]),
        ]

    def error(self, status: int, message: str = "") -> Response:
        return JSONResponse(_error(status, message), status_code=status)

    def refusal(self, request: Request) -> Response | None:
        if self.api_key == "":
            return None
        given = request.headers.get("x-api-key")
        bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
        if not given and not bearer:
            return self.error(401, "x-api-key header is required")
        if self.api_key is not None and (given or bearer) != self.api_key:
            return self.error(401)
        if "anthropic-version" not in request.headers:
            return self.error(400, "anthropic-version: header is required")
        return None

    async def _models(self, request: Request) -> Response:
        names = [model.name for model in self.models]
        data = [
            {
                "type": "model",
                "id": model.name,
                "display_name": model.name.title(),
                "created_at": "2026-01-01T00:00:00Z",
                "lifecycle": "active",
                "max_input_tokens": model.context,
                "max_tokens": model.context,
            }
            for model in self.models
        ]
        ends = {"first_id": names[0] if names else None, "last_id": names[-1] if names else None}
        return JSONResponse({"data": data, "has_more": False, **ends})

    async def _messages(self, request: Request) -> Response:
        try:
            body = json.loads(await request.body())
        except ValueError:
            return self.error(400, "The request body is not valid JSON")
        problem = _problem(body, request.headers.get("anthropic-version", ""))
        if problem:
            return self.error(400, problem)
        if self.model(body["model"]) is None:
            return self.error(404, f"model: {body['model']}")
        asked = _asked(body)
        spoken = speak(self.reply, asked)
        if not body.get("stream"):
            return await self.whole(request, _message(asked, spoken))
        events = _events(asked, spoken)
        overloaded = _sse("error", _error(529, ""))
        return await self.stream(
            request, events, overloaded, media_type="text/event-stream", head=3
        )


def _error(status: int, message: str) -> dict[str, Any]:
    kind, text = KINDS.get(status, ("api_error", "Internal server error"))
    error = {"type": kind, "message": message or text}
    return {"type": "error", "error": error, "request_id": "req_emulated"}


def _problem(body: Mapping[str, Any], version: str) -> str | None:
    for name in ("model", "messages", "max_tokens"):
        if name not in body:
            return f"{name}: Field required"
    if version >= "2026-10-21":
        for name in SAMPLING:
            if name in body:
                return f"{name}: Extra inputs are not permitted"
    if not body["messages"]:
        return "messages: at least one message is required"
    if any(not message.get("content") for message in body["messages"][:-1]):
        return "messages: all messages must have non-empty content"
    return None


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "".join(block.get("text", "") for block in content if block.get("type") == "text")


def _asked(body: Mapping[str, Any]) -> Asked:
    messages = [(message["role"], _text(message["content"])) for message in body["messages"]]
    if body.get("system"):
        messages.insert(0, ("system", _text(body["system"])))
    form = (body.get("output_config") or {}).get("format") or {}
    return Asked(
        model=body["model"],
        messages=messages,
        max_tokens=body["max_tokens"],
        stop=tuple(body.get("stop_sequences") or ()),
        tools=tuple(tool["name"] for tool in body.get("tools") or ()),
        schema=form.get("schema"),
        body=body,
    )


def _ending(spoken: Spoken) -> dict[str, Any]:
    if spoken.stop_sequence is not None:
        return {"stop_reason": "stop_sequence", "stop_sequence": spoken.stop_sequence}
    return {"stop_reason": STOP_REASONS[spoken.reason], "stop_sequence": None}


def _envelope(asked: Asked) -> dict[str, Any]:
    return {
        "id": "msg_emulated",
        "type": "message",
        "role": "assistant",
        "model": asked.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": asked.tokens, "output_tokens": 1},
    }


def _message(asked: Asked, spoken: Spoken) -> dict[str, Any]:
    content: list[dict[str, Any]] = [{"type": "text", "text": spoken.text}] if spoken.text else []
    for call in spoken.tool_calls:
        content.append(
            {
                "type": "tool_use",
                "id": call.id,
                "name": call.name,
                "input": json.loads(call.arguments),
            }
        )
    usage = {"input_tokens": asked.tokens, "output_tokens": spoken.tokens}
    return {**_envelope(asked), "content": content, "usage": usage, **_ending(spoken)}


def _sse(name: str, data: Mapping[str, Any]) -> str:
    return f"event: {name}\ndata: {json.dumps(data)}\n\n"


def _event(kind: str, **data: Any) -> str:
    return _sse(kind, {"type": kind, **data})


def _events(asked: Asked, spoken: Spoken) -> list[str]:
    """The stream; its first three events carry no output."""
    events = [
        _event("message_start", message=_envelope(asked)),
        _event("content_block_start", index=0, content_block={"type": "text", "text": ""}),
        _event("ping"),
    ]
    for piece in spoken.pieces:
        delta = {"type": "text_delta", "text": piece}
        events.append(_event("content_block_delta", index=0, delta=delta))
    events.append(_event("content_block_stop", index=0))
    for index, call in enumerate(spoken.tool_calls, start=1):
        block = {"type": "tool_use", "id": call.id, "name": call.name, "input": {}}
        events.append(_event("content_block_start", index=index, content_block=block))
        half = len(call.arguments) // 2
        for part in (call.arguments[:half], call.arguments[half:]):
            delta = {"type": "input_json_delta", "partial_json": part}
            events.append(_event("content_block_delta", index=index, delta=delta))
        events.append(_event("content_block_stop", index=index))
    usage = {"output_tokens": spoken.tokens}
    events.append(_event("message_delta", delta=_ending(spoken), usage=usage))
    events.append(_event("message_stop"))
    return events
