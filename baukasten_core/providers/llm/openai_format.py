"""OpenAI's chat format: a request's body, and what the chunks of an answer say."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from pydantic_core import from_json

from baukasten_core.contracts.llm import (
    Finished,
    FinishReason,
    GenerateRequest,
    Message,
    Model,
    TextDelta,
    ToolCall,
    Usage,
)
from baukasten_core.contracts.streams import estimate_tokens, prompt_tokens
from baukasten_core.providers.llm.remote import function_tools

REASONS: dict[str, FinishReason] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
}


class Spoken:
    """What the chunks of an answer have said so far."""

    def __init__(self) -> None:
        self.reason: FinishReason | None = None
        self._model = ""
        self._usage: Usage | None = None
        self._length = 0
        self._calls: dict[int, dict[str, str]] = {}

    def take(self, chunk: Mapping[str, Any]) -> TextDelta | None:
        """The chunk's text. Raises LookupError, TypeError, ValueError or AttributeError for what
        is no chunk."""
        self._model = chunk.get("model") or self._model
        if usage := chunk.get("usage"):
            self._usage = Usage(
                int(usage.get("prompt_tokens") or 0), int(usage.get("completion_tokens") or 0)
            )
        choice = next(iter(chunk.get("choices") or ()), None)
        if choice is None:
            return None
        if (reason := choice.get("finish_reason")) is not None:
            self.reason = REASONS.get(reason, "stop")
        delta = choice.get("delta") or {}
        for part in delta.get("tool_calls") or ():
            self._take_call(part)
        text = str(delta.get("content") or "")
        self._length += len(text)
        found = (choice.get("logprobs") or {}).get("content") or ()
        return TextDelta(text, tuple(found)) if text else None

    def _take_call(self, part: Mapping[str, Any]) -> None:
        call = self._calls.setdefault(part["index"], {"id": "", "name": "", "arguments": ""})
        function = part.get("function") or {}
        call["id"] += part.get("id") or ""
        call["name"] += function.get("name") or ""
        call["arguments"] += function.get("arguments") or ""

    def calls(self) -> list[ToolCall]:
        return [
            ToolCall(call["id"] or f"call_{index}", call["name"], call["arguments"] or "{}")
            for index, call in sorted(self._calls.items())
        ]

    def finished(self, request: GenerateRequest) -> Finished:
        usage = self._usage or Usage(
            prompt_tokens(request), estimate_tokens(["x" * self._length]), estimated=True
        )
        return Finished(self.reason or "stop", usage, self._model or request.model)


def body_of(request: GenerateRequest, max_tokens_field: str) -> dict[str, Any]:
    body: dict[str, Any] = {
        "model": request.model,
        "messages": [_message_param(message) for message in request.messages],
        "temperature": request.temperature,
        max_tokens_field: request.max_tokens,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if request.stop:
        body["stop"] = list(request.stop)
    if request.seed is not None:
        body["seed"] = request.seed
    if request.tools:
        body["tools"] = function_tools(request)
        if request.tool_choice != "auto":
            body["tool_choice"] = _tool_choice(request.tool_choice)
    if request.logprobs is not None:
        body |= {"logprobs": True, "top_logprobs": request.logprobs}
    if request.response_schema is not None:
        schema = {"name": "answer", "schema": dict(request.response_schema)}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    return {**body, **request.options}


def _tool_choice(choice: str) -> Any:
    named = {"type": "function", "function": {"name": choice}}
    return choice if choice == "required" else named


def _message_param(message: Message) -> dict[str, Any]:
    content: Any = message.content
    if message.images:
        content = [{"type": "text", "text": message.content}]
        for image in message.images:
            data = base64.b64encode(image.data).decode()
            url = f"data:{image.media_type};base64,{data}"
            content.append({"type": "image_url", "image_url": {"url": url}})
    param: dict[str, Any] = {"role": message.role, "content": content}
    if message.tool_call_id is not None:
        param["tool_call_id"] = message.tool_call_id
    if message.tool_calls:
        param["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for call in message.tool_calls
        ]
    return param


def model_of(model: Mapping[str, Any]) -> Model:
    name = str(model["id"])
    context = model.get("max_model_len") or model.get("context_length")
    return Model(
        name,
        description=str(model.get("description") or ""),
        context=context if isinstance(context, int) else None,
        # Ollama's own name for models that it passes on, when it is reached by this protocol.
        hosted=name.endswith(("-cloud", ":cloud")),
    )


def object_of(body: bytes) -> dict[str, Any]:
    """A JSON object, or an empty one for what is none."""
    try:
        found = from_json(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def message_of(body: Mapping[str, Any]) -> str:
    """The vendor's sentence: OpenAI's `{"error": {"message": ...}}`, or bare as xAI writes it."""
    error = body.get("error", body)
    found = error.get("message") if isinstance(error, dict) else error
    return found if isinstance(found, str) else ""
