"""`/v1/messages` in Anthropic's shapes, for their unchanged clients.

Models are named as in `/v1/chat/completions`.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any, Literal
from uuid import uuid4

from fastapi import APIRouter, Response
from pydantic import BaseModel

from baukasten_core.contracts.gateway import Answer, GatewayEvent, Routed, collect
from baukasten_core.contracts.llm import Finished, TextDelta, ToolCall, ToolCallDelta, Usage
from baukasten_core.contracts.streams import prompt_tokens
from baukasten_core.errors import BaukastenError, InvalidOutput
from baukasten_core.http import sse
from baukasten_core.http.anthropic_errors import AnthropicRoute, anthropic_responses
from baukasten_core.http.anthropic_schema import MessagesIn, request_from
from baukasten_core.http.dependencies import KitByKey
from baukasten_core.http.llm_sources import sources_for
from baukasten_core.http.openai_routes import STREAMED, split

router = APIRouter(
    prefix="/v1",
    tags=["anthropic"],
    route_class=AnthropicRoute,
    responses=anthropic_responses(400, 401, 403, 404, 502, 503),
)

REASONS = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
}


class TextOut(BaseModel):
    """The answer's text."""

    type: Literal["text"] = "text"
    text: str


class ToolUseOut(BaseModel):
    """What the model wants to call."""

    type: Literal["tool_use"] = "tool_use"
    id: str
    name: str
    input: dict[str, Any]


class UsageOut(BaseModel):
    """Tokens, as the provider counted them."""

    input_tokens: int
    output_tokens: int


class MessageOut(BaseModel):
    """A whole answer; `model` says which provider gave it, `region` where."""

    id: str
    type: Literal["message"] = "message"
    role: Literal["assistant"] = "assistant"
    model: str
    content: list[TextOut | ToolUseOut]
    stop_reason: Literal["end_turn", "max_tokens", "tool_use", "refusal"]
    stop_sequence: None = None
    usage: UsageOut
    region: str


@router.post("/messages", response_model=MessageOut, responses=STREAMED)
async def messages(body: MessagesIn, kit: KitByKey) -> Response:
    """An answer to a conversation."""
    settings = kit.services.settings.llm
    provider, model = split(body.model, {name.lower() for name in settings.instances})
    sources = await sources_for(kit, body.project_id, body.question, body.sources)
    request = request_from(body, model=model, sources=sources, timeout=settings.timeout)
    events = await kit.asked(request, provider, body.project_id, body.residency)
    if not body.stream:
        answer = _whole(await collect(events))
        return Response(answer.model_dump_json(), media_type="application/json")
    # What fails before the first piece is an ordinary error.
    first = await anext(events)
    assert isinstance(first, Routed)
    return sse.stream(_events(first, events, prompt_tokens(request)))


def _whole(answer: Answer) -> MessageOut:
    content: list[TextOut | ToolUseOut] = [TextOut(text=answer.text)] if answer.text else []
    content += [
        ToolUseOut(id=call.id, name=call.name, input=_input(call)) for call in answer.tool_calls
    ]
    return MessageOut(
        id=_new_id(),
        model=f"{answer.routed.instance}/{answer.finished.model}",
        content=content,
        stop_reason=REASONS[answer.finished.reason],
        usage=UsageOut(**_usage(answer.usage)),
        region=answer.routed.region,
    )


def _input(call: ToolCall) -> dict[str, Any]:
    """The arguments as an object, which Anthropic's clients count on."""
    try:
        found = json.loads(call.arguments or "{}")
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise InvalidOutput(f"The model called `{call.name}` with arguments that are no object.")
    return found


def _new_id() -> str:
    return f"msg_{uuid4().hex}"


def _usage(usage: Usage) -> dict[str, int]:
    return {"input_tokens": usage.prompt_tokens, "output_tokens": usage.completion_tokens}


# --- a stream ---------------------------------------------------------------------------------


async def _events(
    first: Routed, events: AsyncGenerator[GatewayEvent, None], prompt: int
) -> AsyncIterator[str]:
    """`prompt` tokens are estimated: how many they were is known at the end, and told then."""
    blocks = _Blocks()
    async with aclosing(events):
        yield _event("message_start", message=_beginning(first, prompt))
        try:
            async for event in events:
                match event:
                    case TextDelta(text):
                        for item in blocks.text(text):
                            yield item
                    case ToolCallDelta(call):
                        for item in blocks.tool_use(call):
                            yield item
                    case Finished():
                        for item in blocks.close():
                            yield item
                        reason = {"stop_reason": REASONS[event.reason], "stop_sequence": None}
                        yield _event("message_delta", delta=reason, usage=_usage(event.usage))
                        yield _event("message_stop")
        except BaukastenError as error:
            yield sse.event("error", AnthropicRoute.body_of(error))


def _beginning(first: Routed, prompt: int) -> dict[str, Any]:
    return {
        "id": _new_id(),
        "type": "message",
        "role": "assistant",
        "model": f"{first.instance}/{first.model}",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": prompt, "output_tokens": 0},
    }


class _Blocks:
    """The content blocks of a stream: one is open at a time."""

    def __init__(self) -> None:
        self._index = 0
        self._open = False

    def text(self, text: str) -> list[str]:
        events = [] if self._open else [self._start({"type": "text", "text": ""})]
        return [*events, self._delta({"type": "text_delta", "text": text})]

    def tool_use(self, call: ToolCall) -> list[str]:
        block = {"type": "tool_use", "id": call.id, "name": call.name, "input": {}}
        arguments = json.dumps(_input(call), ensure_ascii=False)
        delta = {"type": "input_json_delta", "partial_json": arguments}
        return [*self.close(), self._start(block), self._delta(delta), *self.close()]

    def close(self) -> list[str]:
        if not self._open:
            return []
        stop = _event("content_block_stop", index=self._index)
        self._open, self._index = False, self._index + 1
        return [stop]

    def _start(self, block: dict[str, Any]) -> str:
        self._open = True
        return _event("content_block_start", index=self._index, content_block=block)

    def _delta(self, delta: dict[str, Any]) -> str:
        return _event("content_block_delta", index=self._index, delta=delta)


def _event(name: str, **fields: Any) -> str:
    return sse.event(name, {"type": name, **fields})
