"""What Anthropic's clients send to `/v1/messages`, and the request it becomes."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator, Sequence
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


class _Block(BaseModel):
    model_config = ConfigDict(extra="ignore")


class TextBlock(_Block):
    """A piece of text."""

    type: Literal["text"]
    text: PlainText


class ImageSource(_Block):
    """An image itself; addresses are not fetched."""

    type: Literal["base64"]
    media_type: Literal["image/jpeg", "image/png", "image/gif", "image/webp"]
    data: str


class ImageBlock(_Block):
    """A picture."""

    type: Literal["image"]
    source: ImageSource


class ToolUseBlock(_Block):
    """A tool call of an earlier answer."""

    type: Literal["tool_use"]
    id: PlainText
    name: PlainText
    input: dict[str, Any] = Field(default_factory=dict)


class ThinkingBlock(_Block):
    """What a model thought before an earlier answer; not passed on."""

    type: Literal["thinking", "redacted_thinking"]


def _kind(value: Any) -> str:
    return "text" if isinstance(value, str) else "blocks"


ResultBlock = Annotated[TextBlock | ImageBlock, Field(discriminator="type")]
ResultContent = Annotated[
    Annotated[PlainText, Tag("text")] | Annotated[list[ResultBlock], Tag("blocks")],
    Discriminator(_kind),
]


class ToolResultBlock(_Block):
    """What a called tool answered."""

    type: Literal["tool_result"]
    tool_use_id: PlainText
    content: ResultContent = ""


Block = Annotated[
    TextBlock | ImageBlock | ToolUseBlock | ToolResultBlock | ThinkingBlock,
    Field(discriminator="type"),
]
Content = Annotated[
    Annotated[PlainText, Tag("text")] | Annotated[list[Block], Tag("blocks")], Discriminator(_kind)
]
SystemContent = Annotated[
    Annotated[PlainText, Tag("text")] | Annotated[list[TextBlock], Tag("blocks")],
    Discriminator(_kind),
]


class Turn(_Block):
    """One turn."""

    role: Literal["user", "assistant"]
    content: Content

    @property
    def blocks(self) -> Sequence[Block]:
        if isinstance(self.content, str):
            return [TextBlock(type="text", text=self.content)]
        return self.content

    @property
    def text(self) -> str:
        return "".join(block.text for block in self.blocks if isinstance(block, TextBlock))


class ToolIn(_Block):
    """A function the model may call; `type` names a vendor's own tools, which are not here."""

    type: Literal["custom"] | None = None
    name: PlainText
    description: PlainText = ""
    input_schema: dict[str, Any] = Field(default_factory=dict)


class ToolChoice(_Block):
    """Whether tools may be called."""

    type: Literal["auto", "none", "any", "tool"]
    name: PlainText | None = Field(None, description="Of the tool that must be called.")


class Form(_Block):
    """A JSON schema the answer shall fit."""

    type: Literal["json_schema"]
    schema_: dict[str, Any] = Field(alias="schema")


class OutputConfig(_Block):
    """The form of the answer."""

    format: Form | None = None


class MessagesIn(BaseModel):
    """A conversation. `sources`, `project_id`, `residency` and `timeout` are ours; what says
    nothing to a model (`metadata`, `service_tier`, ...) is ignored."""

    model_config = ConfigDict(extra="ignore")

    messages: list[Turn] = Field(min_length=1)
    max_tokens: int = Field(ge=1, le=100_000)
    model: PlainText = ""
    system: SystemContent = ""
    temperature: float | None = Field(None, ge=0, le=1)
    top_p: float | None = Field(None, ge=0, le=1)
    top_k: int | None = Field(None, ge=1)
    stop_sequences: list[PlainText] = Field(default_factory=list)
    tools: list[ToolIn] = Field(default_factory=list)
    tool_choice: ToolChoice | None = None
    output_config: OutputConfig | None = None
    stream: bool = False
    project_id: UUID | None = None
    residency: FewerRegions = None
    sources: list[SourceIn] = Field(default_factory=list, max_length=200)
    timeout: float | None = Field(None, ge=1, le=600)

    @property
    def question(self) -> str:
        """The text of the last user's turn."""
        return next((turn.text for turn in reversed(self.messages) if turn.role == "user"), "")


def request_from(
    body: MessagesIn, *, model: str, sources: Sequence[Source], timeout: float
) -> GenerateRequest:
    """The request to the gateway. Raises BadRequest for what no provider here can do."""
    choice = body.tool_choice.type if body.tool_choice else "auto"
    form = body.output_config.format if body.output_config else None
    return GenerateRequest(
        model=model,
        messages=tuple(_messages(body, sources)),
        temperature=1.0 if body.temperature is None else body.temperature,
        max_tokens=body.max_tokens,
        timeout=body.timeout or timeout,
        stop=tuple(body.stop_sequences),
        tools=() if choice == "none" else tuple(_tool(tool) for tool in body.tools),
        tool_choice=_tool_choice(body),
        response_schema=form.schema_ if form else None,
        sources=tuple(sources),
        question=body.question,
        options=_options(body),
    )


def _tool_choice(body: MessagesIn) -> str:
    choice = body.tool_choice
    if choice is None or choice.type in ("auto", "none"):
        return "auto"
    if choice.type == "any":
        return "required"
    if choice.name not in {tool.name for tool in body.tools}:
        raise BadRequest("tool_choice: `name` must be that of one of the tools.")
    return choice.name


def _options(body: MessagesIn) -> dict[str, Any]:
    """Sampling options that were asked for; a provider that lacks one refuses it."""
    options = {"top_p": None if body.top_p == 1 else body.top_p, "top_k": body.top_k}
    return {name: value for name, value in options.items() if value is not None}


def _messages(body: MessagesIn, sources: Sequence[Source]) -> Iterator[Message]:
    system = body.system
    if not isinstance(system, str):
        system = "\n\n".join(block.text for block in system)
    if system:
        yield Message("system", system)
    last = max((i for i, turn in enumerate(body.messages) if turn.role == "user"), default=-1)
    for index, turn in enumerate(body.messages):
        yield from _turn(turn, sources if index == last else ())


def _turn(turn: Turn, sources: Sequence[Source]) -> Iterator[Message]:
    """Results of tools are messages of their own, before what is said besides."""
    results = [block for block in turn.blocks if isinstance(block, ToolResultBlock)]
    for result in results:
        yield _result(result)
    images = tuple(_image(block) for block in turn.blocks if isinstance(block, ImageBlock))
    calls = tuple(
        ToolCall(block.id, block.name, json.dumps(block.input))
        for block in turn.blocks
        if isinstance(block, ToolUseBlock)
    )
    if results and not (turn.text or images or calls):
        return
    text = with_sources(turn.text, sources)
    yield Message(turn.role, text, images=images, tool_calls=calls)


def _result(block: ToolResultBlock) -> Message:
    if isinstance(block.content, str):
        return Message("tool", block.content, tool_call_id=block.tool_use_id)
    images = tuple(_image(part) for part in block.content if isinstance(part, ImageBlock))
    text = "".join(part.text for part in block.content if isinstance(part, TextBlock))
    return Message("tool", text, images=images, tool_call_id=block.tool_use_id)


def _image(block: ImageBlock) -> Image:
    try:
        data = base64.b64decode(block.source.data, validate=True)
    except (binascii.Error, ValueError):
        raise BadRequest("image: this is not base64.") from None
    return Image(data, block.source.media_type)


def _tool(tool: ToolIn) -> Tool:
    return Tool(tool.name, tool.description, tool.input_schema)
