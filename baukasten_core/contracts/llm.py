"""Language models: one request, one stream of events."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

from pydantic import Field

from baukasten_core.contracts.provider import ProviderConfig

FinishReason = Literal["stop", "length", "tool_calls", "content_filter"]


@dataclass(frozen=True, slots=True)
class Image:
    """A picture in a message; `data` is the encoded file, `media_type` e.g. `image/png`."""

    data: bytes
    media_type: str


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call the model asks for. `arguments` is the JSON text exactly as the model wrote it."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Message:
    """One turn. `tool_call_id` belongs to role `tool`, `tool_calls` to role `assistant`."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str
    images: tuple[Image, ...] = ()
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None


@dataclass(frozen=True, slots=True)
class Tool:
    """A function the model may ask for; `parameters` is a JSON schema."""

    name: str
    description: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Source:
    """A passage a request carries so that the answer can rest on it, numbered from 1 in order."""

    text: str
    title: str = ""
    id: str = ""


@dataclass(frozen=True, slots=True)
class GenerateRequest:
    """What a provider is asked.

    `model` is the provider's own name for it, never empty here: the gateway has chosen.
    `temperature` 0 to 2; `max_tokens` of output; `timeout` in seconds for the whole answer.
    `sources` are already part of the messages' text; providers other than `extractive` ignore
    them. `question` is what the sources shall answer, alone, without instructions; optional.
    `tool_choice` is `auto`, `required` (some tool must be called) or the name of the one that must.
    `response_schema` asks for JSON that fits this JSON schema. `logprobs` asks for those of each
    token and of so many alternatives; providers without `capabilities.logprobs` ignore it.
    `options` are passed to the provider's wire format untouched.
    """

    model: str
    messages: tuple[Message, ...]
    temperature: float = 0.3
    max_tokens: int = 2000
    timeout: float = 1800.0
    stop: tuple[str, ...] = ()
    seed: int | None = None
    tools: tuple[Tool, ...] = ()
    tool_choice: str = "auto"
    logprobs: int | None = None
    response_schema: Mapping[str, Any] | None = None
    sources: tuple[Source, ...] = ()
    question: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the provider counted them; `estimated` when it did not and we did."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    estimated: bool = False

    @property
    def total_tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens


@dataclass(frozen=True, slots=True)
class TextDelta:
    """The next piece of the answer's text, never empty.

    `logprobs` of its tokens, where they were asked for, each as OpenAI's API writes it (`token`,
    `logprob`, `bytes`, `top_logprobs`).
    """

    text: str
    logprobs: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class ToolCallDelta:
    """A whole tool call (providers collect its pieces)."""

    call: ToolCall


@dataclass(frozen=True, slots=True)
class Finished:
    """The last event of every complete answer, exactly once. A stream without it broke off.

    `model` is what really answered, as the provider reports it.
    """

    reason: FinishReason
    usage: Usage
    model: str


Event = TextDelta | ToolCallDelta | Finished


@dataclass(frozen=True, slots=True)
class Model:
    """A model that can be asked now. `context` in tokens, None when the server does not say.

    `hosted`: the server passes it on to somebody else's computers (Ollama's cloud models do
    this), so it is not local even when the server is. `loaded`: it is in memory, and answers
    without being read from disk first; None when the server does not say.
    """

    name: str
    description: str = ""
    context: int | None = None
    hosted: bool = False
    loaded: bool | None = None


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a provider can do beyond plain text.

    `in_process`: it computes here and sends nothing anywhere, so it is local; a provider without
    this and without an address has to be declared by the operator before it is used.
    """

    streaming: bool = True
    structured_output: bool = False
    tools: bool = False
    images: bool = False
    pull: bool = False
    logprobs: bool = False
    needs_sources: bool = False
    in_process: bool = False


class RemoteConfig(ProviderConfig):
    """Base of a configuration that has an address: where data goes is the operator's to say."""

    base_url: str = Field(description="Where the server listens.")
    region: str | None = Field(
        None,
        description="Where the data is processed: `local`, `eu`, `us`, ... Loopback addresses are "
        "local; any other address must be declared here before anything is sent to it.",
    )
    processor: str | None = Field(None, description="Who processes it, for the Article 30 record.")
    model: str | None = Field(
        None, description="The model when none is named; else the first the server lists."
    )
    first_token_timeout: float | None = Field(
        None,
        gt=0,
        description="Seconds until an answer must begin, after which the next instance is asked. "
        "Unset: as long as the whole answer may take, for a model may have to be loaded first.",
    )


@runtime_checkable
class LLMProvider(Protocol):
    """One vendor's models. Time limits, retry, fallback, residency and usage are wrapped around
    it."""

    name: str
    capabilities: Capabilities

    async def models(self) -> Sequence[Model]:
        """The models that can be asked now, live from the server.

        Raises:
            ProviderNotConfigured: a key is missing.
            ProviderUnavailable: the server does not answer.
        """
        ...

    def generate(self, request: GenerateRequest) -> AsyncIterator[Event]:
        """The answer as events: any number of deltas, then one `Finished`.

        Nothing is sent before the first `anext`. Closing the iterator closes the connection.
        `contracts.streams.checked_stream`, which is around it, keeps the time limit and makes a
        StreamInterrupted of what breaks off after the first output.

        Raises (while iterating):
            ProviderNotConfigured, ModelNotFound, ProviderRejected: this request can't succeed.
            ProviderUnavailable: the server does not answer, or broke off.
        """
        ...


@runtime_checkable
class CheckedProvider(Protocol):
    """A provider that can tell, without asking anybody, that it is not configured."""

    def check(self) -> None:
        """Raises `ProviderNotConfigured` when a key is missing. Called before each use."""
        ...


@runtime_checkable
class PullingProvider(Protocol):
    """A provider whose server can fetch a model (`capabilities.pull`)."""

    def pull(self, model: str) -> AsyncIterator[tuple[int, int]]:
        """Fetch a model; yields (bytes done, bytes in all) of the part that is fetched now.

        Raises:
            ModelNotFound: there is none of that name to be had.
            ProviderUnavailable: the server does not answer, or broke off; it goes on from there
                when it is asked again.
        """
        ...
