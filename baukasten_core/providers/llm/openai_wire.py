"""OpenAI's wire format by OpenAI's own SDK: what `openai_compatible` and `grok` are made of."""

from __future__ import annotations

import base64
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, SecretStr

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
from baukasten_core.contracts.streams import checked_stream, estimate_tokens, prompt_tokens
from baukasten_core.errors import ProviderError
from baukasten_core.providers.connection import client_options
from baukasten_core.providers.llm.remote import (
    RemoteLLMConfig,
    from_status,
    function_tools,
    load,
    quiet,
    secret,
    timed_out,
    unreachable,
)

if TYPE_CHECKING:
    import openai
    from openai.types.chat import ChatCompletionChunk

SDK = ("openai.resources.chat", "openai.resources.models")
REASONS: dict[str, FinishReason] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
}


class OpenAIConfig(RemoteLLMConfig):
    """A server that speaks OpenAI's protocol."""

    api_key: SecretStr | None = Field(None, description="Its key, where it asks for one.")
    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] = Field(
        "max_tokens", description="What the server calls the limit; OpenAI's own is the second."
    )


class OpenAIWire:
    """An LLMProvider over `/chat/completions` and `/models`."""

    name: str
    title: str
    capabilities = Capabilities(structured_output=True, tools=True, images=True)

    def __init__(self, config: OpenAIConfig) -> None:
        self.config = config

    async def models(self) -> Sequence[Model]:
        self.check()
        await load(*SDK)
        import httpx2
        import openai

        try:
            found = [model async for model in self._client.models.list(timeout=10.0)]
        except (openai.OpenAIError, httpx2.HTTPError) as error:
            raise self.explain(error, "") from None
        return [_model(model) for model in found]

    def generate(self, request: GenerateRequest) -> AsyncIterator[Event]:
        return checked_stream(self._events(request), seconds=request.timeout, name=self.title)

    async def aclose(self) -> None:
        if "_client" in self.__dict__:
            await self._client.close()

    # --- for subclasses -----------------------------------------------------------------------

    def check(self) -> None:
        """Raise ProviderNotConfigured when a key is missing."""

    def explain(self, error: Exception, model: str) -> ProviderError:
        """The contract's error for one of the SDK's."""
        import httpx2
        import openai

        if isinstance(error, openai.APITimeoutError | httpx2.TimeoutException):
            return timed_out(self.title)
        if isinstance(error, openai.APIStatusError):
            return from_status(
                self.title,
                error.status_code,
                model=model,
                message=_message(error.body),
                retry_after=error.response.headers.get("retry-after"),
            )
        if isinstance(error, openai.APIError) and not isinstance(error, openai.APIConnectionError):
            return from_status(self.title, 500, message=_message(error.body))
        return unreachable(self.title, self.config.base_url)

    # --- the wire -----------------------------------------------------------------------------

    @cached_property
    def _client(self) -> openai.AsyncOpenAI:
        import httpx2
        import openai

        quiet("openai", "httpx2", "httpcore2")
        client = openai.AsyncOpenAI(
            base_url=self.config.base_url,
            api_key=secret(self.config.api_key) or "none",
            max_retries=0,
            http_client=httpx2.AsyncClient(
                **client_options(self.config), limits=httpx2.Limits(max_connections=None)
            ),
        )
        # Read from variables that are meant for OpenAI, not for whoever listens at base_url.
        client.organization = client.project = None
        return client

    async def _events(self, request: GenerateRequest) -> AsyncGenerator[Event, None]:
        self.check()
        await load(*SDK)
        import httpx2
        import openai

        timeout = httpx2.Timeout(request.timeout, connect=self.config.connect_timeout)
        try:
            stream = await self._client.chat.completions.create(
                **_body(request, self.config), timeout=timeout
            )
            async with stream:
                answer = _Answer()
                async for chunk in stream:
                    if text := answer.take(chunk):
                        yield TextDelta(text)
        except (openai.OpenAIError, httpx2.HTTPError, ValueError) as error:
            raise self.explain(error, request.model) from None
        for call in answer.calls():
            yield ToolCallDelta(call)
        if answer.reason is not None:
            yield answer.finished(request)


class _Answer:
    """What a stream of chunks has said so far."""

    def __init__(self) -> None:
        self.reason: FinishReason | None = None
        self._model = ""
        self._usage: Usage | None = None
        self._length = 0
        self._calls: dict[int, dict[str, str]] = {}

    def take(self, chunk: ChatCompletionChunk) -> str:
        """The chunk's text."""
        self._model = chunk.model or self._model
        if chunk.usage is not None:
            self._usage = Usage(chunk.usage.prompt_tokens, chunk.usage.completion_tokens)
        if not chunk.choices:
            return ""
        choice = chunk.choices[0]
        if choice.finish_reason is not None:
            self.reason = REASONS.get(choice.finish_reason, "stop")
        for part in choice.delta.tool_calls or ():
            call = self._calls.setdefault(part.index, {"id": "", "name": "", "arguments": ""})
            call["id"] += part.id or ""
            if part.function is not None:
                call["name"] += part.function.name or ""
                call["arguments"] += part.function.arguments or ""
        text = choice.delta.content or ""
        self._length += len(text)
        return text

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


def _body(request: GenerateRequest, config: OpenAIConfig) -> dict[str, Any]:
    body: dict[str, Any] = {
        "model": request.model,
        "messages": [_message_param(message) for message in request.messages],
        "temperature": request.temperature,
        config.max_tokens_field: request.max_tokens,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if request.stop:
        body["stop"] = list(request.stop)
    if request.seed is not None:
        body["seed"] = request.seed
    if request.tools:
        body["tools"] = function_tools(request)
    if request.response_schema is not None:
        schema = {"name": "answer", "schema": dict(request.response_schema)}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    if request.options:
        body["extra_body"] = dict(request.options)
    return body


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


def _model(model: Any) -> Model:
    extra = model.model_extra or {}
    context = extra.get("max_model_len") or extra.get("context_length")
    return Model(
        model.id,
        description=str(extra.get("description") or ""),
        context=context if isinstance(context, int) else None,
        # Ollama's own name for models that it passes on, when it is reached by this protocol.
        hosted=model.id.endswith(("-cloud", ":cloud")),
    )


def _message(body: object) -> str:
    """The vendor's sentence: OpenAI's `{"message": ...}`, or a bare string as xAI writes it."""
    found = body.get("message") if isinstance(body, dict) else body
    return found if isinstance(found, str) else ""
