"""What OpenAI's clients send to `/v1/chat/completions`, and the request it becomes."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from baukasten_core.contracts.llm import (
    GenerateRequest,
    Image,
    Message,
    Source,
    Tool,
    ToolCall,
)
from baukasten_core.errors import BadRequest
from baukasten_core.http.account_models import FewerRegions
from baukasten_core.http.llm_sources import PlainText, SourceIn, with_sources

MAX_TOKENS = 4096
"""Where the client sets no limit."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore")


class TextPart(_Part):
    """A piece of text in a message."""

    type: Literal["text"]
    text: PlainText


class ImageUrl(_Part):
    """An image, as a `data:` address."""

    url: str


class ImagePart(_Part):
    """An image in a message."""

    type: Literal["image_url"]
    image_url: ImageUrl


Part = Annotated[TextPart | ImagePart, Field(discriminator="type")]


def _kind(value: Any) -> str:
    return "text" if isinstance(value, str) else "parts"


Content = Annotated[
    Annotated[PlainText, Tag("text")] | Annotated[list[Part], Tag("parts")], Discriminator(_kind)
]


class FunctionCall(_Part):
    """The function the model called; `arguments` is JSON text."""

    name: PlainText
    arguments: PlainText = "{}"


class ToolCallIn(_Part):
    """A tool call of an earlier answer."""

    id: PlainText
    type: Literal["function"] = "function"
    function: FunctionCall


class ChatMessage(_Part):
    """One turn."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: Content | None = None
    tool_calls: list[ToolCallIn] | None = None
    tool_call_id: PlainText | None = None

    @property
    def text(self) -> str:
        if self.content is None or isinstance(self.content, str):
            return self.content or ""
        return "".join(part.text for part in self.content if isinstance(part, TextPart))


class FunctionIn(_Part):
    """A function the model may call."""

    name: PlainText
    description: PlainText = ""
    parameters: dict[str, Any] = Field(default_factory=dict)


class ToolIn(_Part):
    """A tool; functions alone are known."""

    type: Literal["function"]
    function: FunctionIn


class NamedFunction(_Part):
    """A function by its name."""

    name: PlainText


class NamedTool(_Part):
    """The tool that must be called."""

    type: Literal["function"]
    function: NamedFunction


class JsonSchema(_Part):
    """The schema an answer shall fit."""

    name: str = "answer"
    schema_: dict[str, Any] = Field(default_factory=dict, alias="schema")


class ResponseFormat(_Part):
    """The form of the answer."""

    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchema | None = None


class StreamOptions(_Part):
    """What a stream tells besides."""

    include_usage: bool | None = None


class ChatIn(BaseModel):
    """A chat. `sources`, `project_id`, `residency` and `timeout` are ours; fields
    that OpenAI's clients may send and that say nothing to a model (`user`, `metadata`, ...) are
    ignored."""

    model_config = ConfigDict(extra="ignore")

    messages: list[ChatMessage] = Field(min_length=1)
    model: PlainText = ""
    temperature: float | None = Field(None, ge=0, le=2)
    top_p: float | None = Field(None, ge=0, le=1)
    frequency_penalty: float | None = Field(None, ge=-2, le=2)
    presence_penalty: float | None = Field(None, ge=-2, le=2)
    max_tokens: int | None = Field(None, ge=1, le=100_000)
    max_completion_tokens: int | None = Field(None, ge=1, le=100_000)
    stop: PlainText | list[PlainText] | None = None
    seed: int | None = None
    n: int | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = Field(None, ge=0, le=20)
    tools: list[ToolIn] | None = None
    tool_choice: Literal["auto", "none", "required"] | NamedTool | None = None
    response_format: ResponseFormat | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    project_id: UUID | None = None
    residency: FewerRegions = None
    sources: list[SourceIn] = Field(default_factory=list, max_length=200)
    timeout: float | None = Field(None, ge=1, le=600)

    @property
    def question(self) -> str:
        """The text of the last user's turn."""
        return next((turn.text for turn in reversed(self.messages) if turn.role == "user"), "")


def request_from(
    body: ChatIn, *, model: str, sources: Sequence[Source], timeout: float
) -> GenerateRequest:
    """The request to the gateway. Raises BadRequest for what no provider here can do."""
    _refuse_unsupported(body)
    stop = (body.stop,) if isinstance(body.stop, str) else tuple(body.stop or ())
    return GenerateRequest(
        model=model,
        messages=_messages(body, sources),
        temperature=1.0 if body.temperature is None else body.temperature,
        max_tokens=body.max_completion_tokens or body.max_tokens or MAX_TOKENS,
        timeout=body.timeout or timeout,
        stop=stop,
        seed=body.seed,
        tools=_tools(body),
        tool_choice=_tool_choice(body),
        logprobs=(body.top_logprobs or 0) if body.logprobs else None,
        response_schema=_schema(body.response_format),
        sources=tuple(sources),
        question=body.question,
        options=_options(body),
    )


def _refuse_unsupported(body: ChatIn) -> None:
    if body.n not in (None, 1):
        raise BadRequest("n: one answer at a time; ask again for another.")


def _messages(body: ChatIn, sources: Sequence[Source]) -> tuple[Message, ...]:
    last = max((i for i, turn in enumerate(body.messages) if turn.role == "user"), default=-1)
    return tuple(
        Message(
            role="system" if turn.role == "developer" else turn.role,
            content=with_sources(turn.text, sources) if index == last else turn.text,
            images=_images(turn),
            tool_calls=tuple(
                ToolCall(call.id, call.function.name, call.function.arguments)
                for call in turn.tool_calls or ()
            ),
            tool_call_id=turn.tool_call_id,
        )
        for index, turn in enumerate(body.messages)
    )


def _images(turn: ChatMessage) -> tuple[Image, ...]:
    if turn.content is None or isinstance(turn.content, str):
        return ()
    return tuple(_image(part.image_url.url) for part in turn.content if isinstance(part, ImagePart))


def _image(url: str) -> Image:
    head, comma, encoded = url.partition(",")
    if not comma or not head.startswith("data:image/") or not head.endswith(";base64"):
        raise BadRequest("image_url: send the image itself, as `data:image/...;base64,...`.")
    try:
        content = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise BadRequest("image_url: this is not base64.") from None
    return Image(content, head.removeprefix("data:").removesuffix(";base64"))


def _tools(body: ChatIn) -> tuple[Tool, ...]:
    if body.tool_choice == "none":
        return ()
    return tuple(
        Tool(tool.function.name, tool.function.description, tool.function.parameters)
        for tool in body.tools or ()
    )


def _tool_choice(body: ChatIn) -> str:
    choice = body.tool_choice
    if not isinstance(choice, NamedTool):
        return "required" if choice == "required" else "auto"
    name = choice.function.name
    if name not in {tool.function.name for tool in body.tools or ()}:
        raise BadRequest(f"tool_choice: `{name[:100]}` is none of the tools.")
    return name


def _schema(form: ResponseFormat | None) -> dict[str, Any] | None:
    if form is None or form.type == "text":
        return None
    return form.json_schema.schema_ if form.json_schema else {"type": "object"}


def _options(body: ChatIn) -> dict[str, Any]:
    """Sampling options that differ from their defaults; a provider that lacks one refuses it."""
    defaults = {"top_p": 1, "frequency_penalty": 0, "presence_penalty": 0}
    return {
        name: getattr(body, name)
        for name, default in defaults.items()
        if getattr(body, name) not in (None, default)
    }
