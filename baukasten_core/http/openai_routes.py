"""`/v1/chat/completions` and `/v1/models` in OpenAI's shapes.

A model is named `provider/model`, as `/v1/models` lists it; a bare name is that of a route, or is
looked for along the configured chain, a bare provider answers with its default, and no name leaves
both to the chain.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Mapping, Sequence
from contextlib import aclosing
from typing import Any, Literal
from uuid import uuid4

from fastapi import APIRouter, Response
from pydantic import BaseModel
from pydantic_core import to_json

from baukasten_core.contracts.gateway import Answer, GatewayEvent, ListedModel, Routed, collect
from baukasten_core.contracts.llm import Finished, TextDelta, ToolCall, ToolCallDelta, Usage
from baukasten_core.errors import BaukastenError, ModelNotFound
from baukasten_core.http import sse
from baukasten_core.http.dependencies import CurrentKit
from baukasten_core.http.llm_sources import sources_for
from baukasten_core.http.openai_errors import OpenAIRoute, openai_responses
from baukasten_core.http.openai_schema import ChatIn, request_from

router = APIRouter(
    prefix="/v1",
    tags=["openai"],
    route_class=OpenAIRoute,
    responses=openai_responses(400, 401, 403, 404, 502, 503),
)

STREAMED: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The answer; with `stream`, chunks as server-sent events.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
}


class FunctionOut(BaseModel):
    """What the model wants to call."""

    name: str
    arguments: str


class ToolCallOut(BaseModel):
    """A tool call the model asks for."""

    id: str
    type: Literal["function"] = "function"
    function: FunctionOut


class MessageOut(BaseModel):
    """The answer's text and tool calls."""

    role: Literal["assistant"] = "assistant"
    content: str | None
    refusal: None = None
    tool_calls: list[ToolCallOut] | None = None


class LogprobsOut(BaseModel):
    """Of the text's tokens, as the provider writes them."""

    content: list[dict[str, Any]]
    refusal: None = None


class ChoiceOut(BaseModel):
    """There is always one."""

    index: int = 0
    message: MessageOut
    logprobs: LogprobsOut | None = None
    finish_reason: Literal["stop", "length", "tool_calls", "content_filter"]


class ChatUsageOut(BaseModel):
    """Tokens, as the provider counted them."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class ChatOut(BaseModel):
    """A whole answer; `model` says which provider gave it, `region` where."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    choices: list[ChoiceOut]
    usage: ChatUsageOut
    region: str


class V1Model(BaseModel):
    """A model that may be asked; `id` is what a request names."""

    id: str
    object: Literal["model"] = "model"
    created: int = 0
    owned_by: str
    region: str
    context_length: int | None


class V1Models(BaseModel):
    """Every model that the caller's data may go to."""

    object: Literal["list"] = "list"
    data: list[V1Model]


@router.post(
    "/chat/completions",
    response_model=ChatOut,
    response_model_exclude_none=False,
    responses=STREAMED,
)
async def chat(body: ChatIn, kit: CurrentKit) -> Response:
    """An answer to a chat."""
    settings = kit.services.settings.llm
    provider, model = split(body.model, {name.lower() for name in settings.instances})
    sources = await sources_for(kit, body.project_id, body.question, body.sources)
    request = request_from(body, model=model, sources=sources, timeout=settings.timeout)
    events = await kit.asked(request, provider, body.project_id, body.residency)
    if not body.stream:
        return _whole(await collect(events))
    # What fails before the first piece is an ordinary error.
    first = await anext(events)
    wants_usage = body.stream_options is not None and bool(body.stream_options.include_usage)
    return sse.stream(_chunks(first, events, wants_usage=wants_usage))


@router.get("/models", response_model=V1Models)
async def models(kit: CurrentKit) -> V1Models:
    """The models of every provider that answers and that the caller's data may go to, after the
    operator's routes to them."""
    return V1Models(data=await _offered(kit))


@router.get("/models/{model:path}", response_model=V1Model)
async def model(model: str, kit: CurrentKit) -> V1Model:
    """One of them."""
    found = next((item for item in await _offered(kit) if item.id == model), None)
    if found is None:
        raise ModelNotFound(f"The model `{model}` is not here.")
    return found


def split(name: str, providers: Collection[str]) -> tuple[str | None, str]:
    """(provider, model) from what a client calls a model."""
    head, slash, tail = name.partition("/")
    if head.lower() in providers:
        return head.lower(), tail if slash else ""
    return None, name


async def _offered(kit: CurrentKit) -> list[V1Model]:
    listing = await kit.services.gateway.models(await kit.residency())
    allowed = [model for model in listing.models if model.allowed]
    routes = [_route(name, allowed, kit) for name in kit.services.settings.llm.routes]
    return [route for route in routes if route.region] + [_model(model) for model in allowed]


def _model(model: ListedModel) -> V1Model:
    return V1Model(
        id=f"{model.instance}/{model.name}",
        owned_by=model.provider,
        region=model.region,
        context_length=model.context,
    )


def _route(name: str, allowed: Sequence[ListedModel], kit: CurrentKit) -> V1Model:
    """`region` is every region that it may lead to, empty where it leads nowhere."""
    targets = {target.instance for target in kit.services.settings.llm.routes[name]}
    regions = sorted({model.region for model in allowed if model.instance in targets})
    return V1Model(id=name, owned_by="route", region=", ".join(regions), context_length=None)


# --- a whole answer ---------------------------------------------------------------------------


def _whole(answer: Answer) -> Response:
    """A `ChatOut`, written without going through its class: this is the busiest route."""
    calls = [_call(call) for call in answer.tool_calls]
    message = {
        "role": "assistant",
        "content": answer.text or (None if calls else ""),
        "refusal": None,
        "tool_calls": calls or None,
    }
    choice = {
        "index": 0,
        "message": message,
        "logprobs": _logprobs(answer.logprobs),
        "finish_reason": answer.finished.reason,
    }
    body = {
        "id": _new_id(),
        "object": "chat.completion",
        "created": int(time.time()),
        "model": f"{answer.routed.instance}/{answer.finished.model}",
        "choices": [choice],
        "usage": _usage(answer.usage),
        "region": answer.routed.region,
    }
    return Response(to_json(body), media_type="application/json")


def _call(call: ToolCall) -> dict[str, Any]:
    function = {"name": call.name, "arguments": call.arguments}
    return {"id": call.id, "type": "function", "function": function}


def _logprobs(content: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    return {"content": list(content), "refusal": None} if content else None


def _new_id() -> str:
    return f"chatcmpl-{uuid4().hex}"


def _usage(usage: Usage) -> dict[str, int]:
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens,
    }


# --- a stream ---------------------------------------------------------------------------------


async def _chunks(
    first: GatewayEvent, events: AsyncGenerator[GatewayEvent, None], *, wants_usage: bool
) -> AsyncIterator[str]:
    assert isinstance(first, Routed)
    head = {
        "id": _new_id(),
        "object": "chat.completion.chunk",
        "created": int(time.time()),
        "model": f"{first.instance}/{first.model}",
    }
    calls = 0
    async with aclosing(events):
        yield _chunk(head, {"role": "assistant", "content": ""})
        try:
            async for event in events:
                match event:
                    case TextDelta(text, logprobs):
                        yield _chunk(head, {"content": text}, logprobs=logprobs)
                    case ToolCallDelta(call):
                        yield _chunk(head, {"tool_calls": [{"index": calls, **_call(call)}]})
                        calls += 1
                    case Finished():
                        yield _chunk(head, {}, event.reason)
                        if wants_usage:
                            usage = _usage(event.usage)
                            yield sse.data({**head, "choices": [], "usage": usage})
        except BaukastenError as error:
            yield sse.data(OpenAIRoute.body_of(error))
            return
    yield sse.data("[DONE]")


def _chunk(
    head: dict[str, Any],
    delta: dict[str, Any],
    reason: str | None = None,
    logprobs: Sequence[Mapping[str, Any]] = (),
) -> str:
    choice = {
        "index": 0,
        "delta": delta,
        "logprobs": _logprobs(logprobs),
        "finish_reason": reason,
    }
    return sse.data({**head, "choices": [choice]})
