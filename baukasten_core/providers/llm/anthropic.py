"""Anthropic's models by Anthropic's own SDK (Messages API, version 2026-10-21).

That version refuses `temperature`, whatever its value, so it is not sent; nor has it a seed.
"""

from __future__ import annotations

import base64
from collections.abc import AsyncGenerator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pydantic import Field, SecretStr, model_validator

from baukasten_core.contracts.llm import (
    Capabilities,
    Event,
    Finished,
    FinishReason,
    GenerateRequest,
    Message,
    Model,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    Usage,
)
from baukasten_core.errors import ProviderError
from baukasten_core.providers.connection import client_options
from baukasten_core.providers.llm.remote import (
    RemoteLLMConfig,
    arguments_of,
    from_status,
    load,
    no_key,
    quiet,
    secret,
    timed_out,
    unreachable,
    variable,
)

if TYPE_CHECKING:
    import anthropic

SDK = ("anthropic.resources.messages", "anthropic.resources.models")
BASE_URL = "https://api.anthropic.com"
REASONS: dict[str, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}
STATUS_OF = {"overloaded_error": 529, "api_error": 500, "rate_limit_error": 429}
"""An error in the middle of a stream comes with status 200 and says in words what it is."""


class AnthropicConfig(RemoteLLMConfig):
    """An Anthropic account. Its own address is in the USA; another address has to be declared."""

    base_url: str = Field(BASE_URL, pattern=r"^https?://", description="Anthropic's address.")
    api_key: SecretStr | None = Field(
        default_factory=lambda: variable("ANTHROPIC_API_KEY"),
        description="Anthropic's key. Unset: the variable ANTHROPIC_API_KEY.",
    )
    processor: str | None = Field("Anthropic", description="Who processes it.")

    @model_validator(mode="before")
    @classmethod
    def _region(cls, values: Any) -> Any:
        if isinstance(values, dict) and values.get("base_url", BASE_URL) == BASE_URL:
            return {"region": "us", **values}
        return values


class Anthropic:
    """An LLMProvider for Anthropic's API."""

    name = "anthropic"
    capabilities = Capabilities(structured_output=True, tools=True, images=True)

    def __init__(self, config: AnthropicConfig) -> None:
        self.config = config

    async def models(self) -> Sequence[Model]:
        self.check()
        await load(*SDK)
        import anthropic
        import httpx2

        try:
            found = [model async for model in self._client.models.list(limit=100, timeout=10.0)]
        except (anthropic.AnthropicError, httpx2.HTTPError) as error:
            raise self._explain(error, "") from None
        return [
            Model(model.id, model.display_name, context=model.max_input_tokens)
            for model in found
            if model.lifecycle != "retired"
        ]

    async def generate(self, request: GenerateRequest) -> AsyncGenerator[Event, None]:
        self.check()
        await load(*SDK)
        import anthropic
        import httpx2

        timeout = httpx2.Timeout(request.timeout, connect=self.config.connect_timeout)
        body = _body(request)
        try:
            stream = await self._client.messages.create(**body, timeout=timeout)
            async with stream:
                answer = _Answer()
                async for event in stream:
                    for ours in answer.take(event):
                        yield ours
        except (anthropic.AnthropicError, httpx2.HTTPError, ValueError) as error:
            raise self._explain(error, request.model) from None
        if answer.complete:
            yield answer.finished(request)

    def check(self) -> None:
        if self.config.api_key is None:
            raise no_key("Anthropic", "ANTHROPIC_API_KEY")

    async def aclose(self) -> None:
        if "_client" in self.__dict__:
            await self._client.close()

    # --- the wire -----------------------------------------------------------------------------

    @cached_property
    def _client(self) -> anthropic.AsyncAnthropic:
        import anthropic
        import httpx2

        quiet("anthropic", "httpx2", "httpcore2")
        return anthropic.AsyncAnthropic(
            base_url=self.config.base_url,
            api_key=secret(self.config.api_key),
            max_retries=0,
            open_telemetry=False,
            http_client=httpx2.AsyncClient(
                **client_options(self.config), limits=httpx2.Limits(max_connections=None)
            ),
        )

    def _explain(self, error: Exception, model: str) -> ProviderError:
        import anthropic
        import httpx2

        if isinstance(error, anthropic.APITimeoutError | httpx2.TimeoutException):
            return timed_out("Anthropic")
        if isinstance(error, anthropic.APIStatusError):
            return from_status(
                "Anthropic",
                STATUS_OF.get(error.type or "", error.status_code),
                model=model,
                message=error.api_message or "",
                retry_after=error.response.headers.get("retry-after"),
            )
        return unreachable("Anthropic", self.config.base_url)


class _Answer:
    """What a stream of events has said so far."""

    def __init__(self) -> None:
        self.complete = False
        self._model = ""
        self._reason: FinishReason = "stop"
        self._prompt = self._completion = 0
        self._call: tuple[str, str] | None = None
        self._arguments = ""

    def take(self, event: Any) -> list[Event]:
        match event.type:
            case "message_start":
                self._model = event.message.model
                self._count(event.message.usage)
            case "content_block_start" if event.content_block.type == "tool_use":
                self._call = (event.content_block.id, event.content_block.name)
                self._arguments = ""
            case "content_block_delta" if event.delta.type == "text_delta" and event.delta.text:
                return [TextDelta(event.delta.text)]
            case "content_block_delta" if event.delta.type == "input_json_delta":
                self._arguments += event.delta.partial_json
            case "content_block_stop" if self._call is not None:
                call, self._call = ToolCall(*self._call, self._arguments or "{}"), None
                return [ToolCallDelta(call)]
            case "message_delta":
                self._reason = REASONS.get(event.delta.stop_reason or "", "stop")
                self._count(event.usage)
            case "message_stop":
                self.complete = True
        return []

    def _count(self, usage: Any) -> None:
        if usage.input_tokens is not None:
            cached = (usage.cache_creation_input_tokens, usage.cache_read_input_tokens)
            self._prompt = usage.input_tokens + sum(tokens or 0 for tokens in cached)
        self._completion = usage.output_tokens

    def finished(self, request: GenerateRequest) -> Finished:
        usage = Usage(self._prompt, self._completion)
        return Finished(self._reason, usage, self._model or request.model)


def _body(request: GenerateRequest) -> dict[str, Any]:
    system = "\n\n".join(m.content for m in request.messages if m.role == "system" and m.content)
    body: dict[str, Any] = {
        "model": request.model,
        "messages": [_message(message) for message in request.messages if message.role != "system"],
        "max_tokens": request.max_tokens,
        "stream": True,
    }
    if system:
        body["system"] = system
    if request.stop:
        body["stop_sequences"] = list(request.stop)
    if request.tools:
        body["tools"] = [
            {
                "name": tool.name,
                "description": tool.description,
                "input_schema": dict(tool.parameters),
            }
            for tool in request.tools
        ]
        if request.tool_choice != "auto":
            body["tool_choice"] = _tool_choice(request.tool_choice)
    if request.response_schema is not None:
        form = {"type": "json_schema", "schema": dict(request.response_schema)}
        body["output_config"] = {"format": form}
    if request.options:
        body["extra_body"] = dict(request.options)
    return body


def _tool_choice(choice: str) -> dict[str, str]:
    return {"type": "any"} if choice == "required" else {"type": "tool", "name": choice}


def _message(message: Message) -> dict[str, Any]:
    if message.role == "tool":
        block = {
            "type": "tool_result",
            "tool_use_id": message.tool_call_id or "",
            "content": message.content,
        }
        return {"role": "user", "content": [block]}
    blocks: list[dict[str, Any]] = []
    for image in message.images:
        data = base64.b64encode(image.data).decode()
        source = {"type": "base64", "media_type": image.media_type, "data": data}
        blocks.append({"type": "image", "source": source})
    if message.content:
        blocks.append({"type": "text", "text": message.content})
    for call in message.tool_calls:
        use = {"type": "tool_use", "id": call.id, "name": call.name, "input": arguments_of(call)}
        blocks.append(use)
    return {"role": message.role, "content": blocks}


def build(config: AnthropicConfig) -> Anthropic:
    return Anthropic(config)
