"""An OpenAI-compatible server: `/v1/chat/completions`, `/v1/models`, `/v1/embeddings`."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from baukasten_core.testing.emulators.base import Emulator
from baukasten_core.testing.emulators.replies import (
    Asked,
    EmulatedModel,
    Spoken,
    speak,
    vector,
)

CREATED = 1_767_225_600
KINDS = {
    400: ("invalid_request_error", None, "The request is not valid."),
    401: ("invalid_request_error", "invalid_api_key", "Incorrect API key provided."),
    404: ("invalid_request_error", "model_not_found", "The model does not exist."),
    429: ("requests", "rate_limit_exceeded", "Rate limit reached for requests."),
    500: ("server_error", None, "The server had an error while processing your request."),
    503: ("server_error", None, "The engine is currently overloaded, please try again later."),
}


class OpenAIEmulator(Emulator):
    """A server that speaks OpenAI's protocol. Its `url` ends with `/v1`."""

    owner = "emulator"

    @property
    def url(self) -> str:
        return f"{self.origin}/v1"

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/v1/models", self._models),
            Route("/v1/chat/completions", self._chat, methods=["POST"]),
            Route("/v1/embeddings", self._embeddings, methods=["POST"]),
        ]

    def error(self, status: int, message: str = "") -> Response:
        return JSONResponse({"error": _error(status, message)}, status_code=status)

    def refusal(self, request: Request) -> Response | None:
        key = self.api_key
        if key is None or request.headers.get("authorization") == f"Bearer {key}":
            return None
        return self.error(401)

    async def _models(self, request: Request) -> Response:
        data = [
            {
                "id": model.name,
                "object": "model",
                "created": CREATED,
                "owned_by": self.owner,
                "max_model_len": model.context,
            }
            for model in self.models
        ]
        return JSONResponse({"object": "list", "data": data})

    async def _chat(self, request: Request) -> Response:
        try:
            body = json.loads(await request.body())
        except ValueError:
            return self.error(400, "We could not parse the JSON body of your request.")
        if not body.get("messages"):
            return self.error(400, "you must provide a messages parameter")
        if self.model(body.get("model", "")) is None:
            return self.error(404, f"The model `{body.get('model')}` does not exist.")
        asked = _asked(body)
        spoken = speak(self.reply, asked)
        if not body.get("stream"):
            return await self.whole(request, _completion(asked, spoken))
        chunks = [f"data: {json.dumps(chunk)}\n\n" for chunk in _chunks(asked, spoken)]
        error = f"data: {json.dumps({'error': _error(500, '')})}\n\n"
        return await self.stream(
            request,
            [*chunks, "data: [DONE]\n\n"],
            error,
            media_type="text/event-stream",
            head=1,
        )

    async def _embeddings(self, request: Request) -> Response:
        body = await request.json()
        if self.model(body.get("model", "")) is None:
            return self.error(404, f"The model `{body.get('model')}` does not exist.")
        texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
        size = body.get("dimensions") or self.dimensions
        form = body.get("encoding_format", "float")
        data = [
            {"object": "embedding", "index": index, "embedding": _encoded(text, size, form)}
            for index, text in enumerate(texts)
        ]
        tokens = sum(len(text.split()) for text in texts)
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        answer = {"object": "list", "data": data, "model": body["model"], "usage": usage}
        return await self.whole(request, answer)


class XAIEmulator(OpenAIEmulator):
    """xAI: OpenAI's protocol with errors of its own shape, and 400 for a wrong key."""

    owner = "xai"
    default_models: ClassVar[tuple[EmulatedModel, ...]] = (EmulatedModel("grok-tiny"),)

    def error(self, status: int, message: str = "") -> Response:
        if status == 401:
            status = 400
            message = "Incorrect API key provided. You can obtain an API key from console.x.ai."
        _, code, text = KINDS.get(status, KINDS[500])
        return JSONResponse({"code": code or "error", "error": message or text}, status_code=status)


def _error(status: int, message: str) -> dict[str, Any]:
    kind, code, text = KINDS.get(status, KINDS[500])
    return {"message": message or text, "type": kind, "param": None, "code": code}


def _encoded(text: str, size: int, form: str) -> list[float] | str:
    values = vector(text, size)
    if form != "base64":
        return values
    return base64.b64encode(np.asarray(values, dtype="<f4").tobytes()).decode()


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "".join(part.get("text", "") for part in content or () if part["type"] == "text")


def _asked(body: Mapping[str, Any]) -> Asked:
    stop = body.get("stop") or ()
    form = body.get("response_format") or {}
    return Asked(
        model=body["model"],
        messages=[(m["role"], _text(m.get("content"))) for m in body["messages"]],
        max_tokens=body.get("max_completion_tokens") or body.get("max_tokens"),
        stop=(stop,) if isinstance(stop, str) else tuple(stop),
        tools=tuple(tool["function"]["name"] for tool in body.get("tools") or ()),
        schema=(form.get("json_schema") or {}).get("schema"),
        body=body,
    )


def _usage(asked: Asked, spoken: Spoken) -> dict[str, int]:
    total = asked.tokens + spoken.tokens
    return {
        "prompt_tokens": asked.tokens,
        "completion_tokens": spoken.tokens,
        "total_tokens": total,
    }


def _call(spoken: Spoken, index: int) -> dict[str, Any]:
    call = spoken.tool_calls[index]
    function = {"name": call.name, "arguments": call.arguments}
    return {"id": call.id, "type": "function", "function": function}


def _completion(asked: Asked, spoken: Spoken) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": spoken.text or None}
    if spoken.tool_calls:
        message["tool_calls"] = [_call(spoken, i) for i in range(len(spoken.tool_calls))]
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": spoken.reason}
    return {
        "id": "chatcmpl-emulated",
        "object": "chat.completion",
        "created": CREATED,
        "model": asked.model,
        "choices": [choice],
        "usage": _usage(asked, spoken),
    }


def _chunks(asked: Asked, spoken: Spoken) -> list[dict[str, Any]]:
    """The stream; its first chunk carries the role and no output."""
    head = {
        "id": "chatcmpl-emulated",
        "object": "chat.completion.chunk",
        "created": CREATED,
        "model": asked.model,
    }

    def chunk(delta: dict[str, Any], reason: str | None = None) -> dict[str, Any]:
        return {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}

    chunks = [chunk({"role": "assistant", "content": ""})]
    chunks += [chunk({"content": piece}) for piece in spoken.pieces]
    for index in range(len(spoken.tool_calls)):
        call = _call(spoken, index)
        arguments = call["function"]["arguments"]
        half = len(arguments) // 2
        first = {**call, "index": index, "function": {**call["function"], "arguments": ""}}
        chunks.append(chunk({"tool_calls": [first]}))
        for part in (arguments[:half], arguments[half:]):
            more = {"index": index, "function": {"arguments": part}}
            chunks.append(chunk({"tool_calls": [more]}))
    chunks.append(chunk({}, spoken.reason))
    if (asked.body.get("stream_options") or {}).get("include_usage"):
        chunks.append({**head, "choices": [], "usage": _usage(asked, spoken)})
    return chunks
