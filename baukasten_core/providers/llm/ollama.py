"""Models on an Ollama server, by Ollama's own SDK."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

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
from baukasten_core.errors import ModelNotFound, ProviderError, ProviderRejected
from baukasten_core.providers.connection import client_options
from baukasten_core.providers.llm.remote import (
    RemoteLLMConfig,
    arguments_of,
    from_status,
    function_tools,
    load,
    quiet,
    secret,
    timed_out,
    unreachable,
    variable,
)
from baukasten_core.tokens import count_tokens

if TYPE_CHECKING:
    import ollama

LEAST_CONTEXT = 4096
HUGE = 2**31
LIST_SECONDS = 10.0
SURELY = 0.7
"""How much shorter than counted a prompt may be: models have different vocabularies."""

PER_MESSAGE = 10
"""Tokens that a model's template puts around a message."""


class OllamaConfig(RemoteLLMConfig):
    """An Ollama server."""

    base_url: str = Field(
        "http://127.0.0.1:11434", pattern=r"^https?://", description="Where Ollama listens."
    )
    api_key: SecretStr | None = Field(
        default_factory=lambda: variable("OLLAMA_API_KEY"),
        description="A key, where the server or a proxy before it asks for one. Unset: the "
        "variable OLLAMA_API_KEY.",
    )
    hosted_region: str | None = Field(
        None,
        description="Where Ollama's hosted models (`-cloud`) are processed; until this is set "
        "they are refused.",
    )
    max_context: int = Field(
        32_768,
        ge=LEAST_CONTEXT,
        description="Largest context to ask for, tokens. Ollama cuts a longer prompt in silence, "
        "so as much as a request needs is asked for, up to this and to what the model has.",
    )
    keep_alive: str | None = Field(
        None,
        pattern=r"^-?\d+(ms|s|m|h)?$",
        description="How long a model stays in memory after an answer, such as `30m`; `-1` for "
        "ever. Unset: as the server has it.",
    )
    pull_missing: bool = Field(
        False, description="Whether a model that is not there is fetched when it is asked for."
    )


class Ollama:
    """An LLMProvider for an Ollama server; `pull` fetches a model."""

    name = "ollama"
    capabilities = Capabilities(structured_output=True, tools=True, images=True, pull=True)

    def __init__(self, config: OllamaConfig) -> None:
        self.config = config
        self._contexts: dict[str, tuple[str, int | None]] = {}
        """By name: which model it was (its digest), and what that was made for."""

    async def models(self) -> Sequence[Model]:
        await load("ollama")
        import httpx
        import ollama

        try:
            # The SDK's `list` drops `remote_host`, which alone says that a model is hosted: a
            # copy of a hosted model may have any name.
            listed, running = await asyncio.gather(self._get("/api/tags"), self._get("/api/ps"))
            loaded = {model["name"] for model in running}
            asked = [model for model in listed if not _embeds(model)]
            contexts = await asyncio.gather(*(self._context(model) for model in asked))
        except httpx.HTTPStatusError as error:
            raise from_status("Ollama", error.response.status_code) from None
        except (httpx.HTTPError, ollama.ResponseError, ValueError, KeyError) as error:
            raise self._explain(error, "") from None
        rooms = (context and min(context, self.config.max_context) for context in contexts)
        return [_model(model, room, loaded) for model, room in zip(asked, rooms, strict=True)]

    async def generate(self, request: GenerateRequest) -> AsyncGenerator[Event, None]:
        await load("ollama")
        import httpx
        import ollama

        _, context = self._contexts.get(request.model, ("", None))
        most = min(self.config.max_context, context or HUGE)
        calls, body = 0, await asyncio.to_thread(_body, request, most)
        if self.config.keep_alive is not None:
            body["keep_alive"] = self.config.keep_alive
        try:
            stream = await self._client.chat(**body)
            async for part in stream:
                if part.message.content:
                    yield TextDelta(part.message.content)
                for call in part.message.tool_calls or ():
                    arguments = json.dumps(dict(call.function.arguments), ensure_ascii=False)
                    yield ToolCallDelta(ToolCall(f"call_{calls}", call.function.name, arguments))
                    calls += 1
                if part.done:
                    yield _finished(part, request, calls)
        except (httpx.HTTPError, ollama.ResponseError, ConnectionError, ValueError) as error:
            raise self._explain(error, request.model) from None

    async def pull(self, model: str) -> AsyncIterator[tuple[int, int]]:
        """Fetch a model from Ollama's library; yields (bytes done, bytes in all)."""
        await load("ollama")
        import httpx
        import ollama

        try:
            async for step in await self._client.pull(model, stream=True):
                if step.total:
                    yield step.completed or 0, step.total
        except (httpx.HTTPError, ollama.ResponseError, ConnectionError, ValueError) as error:
            if isinstance(error, ollama.ResponseError) and error.status_code in (-1, 404):
                raise ModelNotFound(f"Ollama's library has no model `{model}`.") from None
            raise self._explain(error, model) from None

    async def aclose(self) -> None:
        if "_client" in self.__dict__:
            await self._client._client.aclose()

    # --- the wire -----------------------------------------------------------------------------

    @cached_property
    def _client(self) -> ollama.AsyncClient:
        import httpx
        import ollama

        quiet("httpx", "httpcore")
        key = secret(self.config.api_key)
        return ollama.AsyncClient(
            self.config.base_url,
            headers={"authorization": f"Bearer {key}"} if key else None,
            limits=httpx.Limits(max_connections=None),
            timeout=httpx.Timeout(None, connect=self.config.connect_timeout),
            **client_options(self.config),
        )

    async def _get(self, path: str) -> list[dict[str, Any]]:
        answer = await self._client._client.get(path, timeout=LIST_SECONDS)
        answer.raise_for_status()
        models: list[dict[str, Any]] = answer.json()["models"]
        return models

    async def _context(self, model: dict[str, Any]) -> int | None:
        """What the model was made for, tokens: asked once of each."""
        name, digest = model["name"], str(model.get("digest"))
        known = self._contexts.get(name)
        if known is None or known[0] != digest:
            body = {"model": name}
            answer = await self._client._client.post("/api/show", json=body, timeout=LIST_SECONDS)
            answer.raise_for_status()
            known = self._contexts[name] = digest, _context_length(answer.json())
        return known[1]

    def _explain(self, error: Exception, model: str) -> ProviderError:
        import httpx
        import ollama

        if isinstance(error, httpx.TimeoutException):
            return timed_out("Ollama")
        if isinstance(error, ollama.ResponseError):
            # -1: the error came as a line of the stream, after the status 200.
            status = error.status_code if error.status_code > 0 else 500
            return from_status("Ollama", status, model=model, message=str(error.error))
        return unreachable("Ollama", self.config.base_url)


def _embeds(model: dict[str, Any]) -> bool:
    """Embedding models are listed with the others; they can't be asked."""
    capabilities = model.get("capabilities")
    if capabilities:
        return "completion" not in capabilities
    return "bert" in str((model.get("details") or {}).get("family", ""))


def _context_length(shown: dict[str, Any]) -> int | None:
    """Under the name of its architecture: `llama.context_length`."""
    info = shown.get("model_info") or {}
    found = info.get(f"{info.get('general.architecture')}.context_length")
    return found if isinstance(found, int) else None


def _model(model: dict[str, Any], context: int | None, loaded: Collection[str]) -> Model:
    details = model.get("details") or {}
    size = " ".join(
        str(details[key]) for key in ("parameter_size", "quantization_level") if details.get(key)
    )
    name = model["name"]
    hosted = bool(model.get("remote_host")) or name.endswith(("-cloud", ":cloud"))
    return Model(name, size, context=context, hosted=hosted, loaded=name in loaded or hosted)


def _body(request: GenerateRequest, most_context: int) -> dict[str, Any]:
    options: dict[str, Any] = {
        "temperature": request.temperature,
        "num_predict": request.max_tokens,
        "num_ctx": _context(request, most_context),
    }
    if request.stop:
        options["stop"] = list(request.stop)
    if request.seed is not None:
        options["seed"] = request.seed
    body: dict[str, Any] = {
        "model": request.model,
        "messages": [_message(message) for message in request.messages],
        "options": {**options, **request.options},
        "stream": True,
    }
    if request.tool_choice != "auto":
        raise ProviderRejected("Ollama can't be made to call a tool: leave `tool_choice` out.")
    if request.tools:
        body["tools"] = function_tools(request)
    if request.response_schema is not None:
        body["format"] = dict(request.response_schema)
    return body


def _context(request: GenerateRequest, most: int) -> int:
    """A power of two that holds prompt and answer: Ollama reloads the model when it changes.

    Raises `ProviderRejected` for a prompt that is surely longer than there is room for.
    """
    prompt = sum(count_tokens(message.content) + PER_MESSAGE for message in request.messages)
    if prompt * SURELY > most:
        raise ProviderRejected(
            f"The prompt has about {prompt} tokens, and the model room for {most}; Ollama would "
            "leave out its beginning.",
            hint="Send less, choose a model with a longer context, or raise `max_context`.",
        )
    size = LEAST_CONTEXT
    while size < prompt + request.max_tokens and size < most:
        size *= 2
    return min(size, most)


def _message(message: Message) -> dict[str, Any]:
    param: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.images:
        param["images"] = [image.data for image in message.images]
    if message.tool_calls:
        param["tool_calls"] = [
            {"function": {"name": call.name, "arguments": arguments_of(call)}}
            for call in message.tool_calls
        ]
    return param


def _finished(part: ollama.ChatResponse, request: GenerateRequest, calls: int) -> Finished:
    reason: FinishReason = "length" if part.done_reason == "length" else "stop"
    usage = Usage(part.prompt_eval_count or 0, part.eval_count or 0)
    return Finished("tool_calls" if calls else reason, usage, part.model or request.model)


def build(config: OllamaConfig) -> Ollama:
    return Ollama(config)
