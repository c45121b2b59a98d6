"""`/llm`: ask a language model, list the models, embed a text."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any, Literal
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from baukasten_core.contracts.gateway import GatewayEvent, Routed, collect
from baukasten_core.contracts.llm import Finished, GenerateRequest, Message, TextDelta, Usage
from baukasten_core.errors import BaukastenError, Forbidden
from baukasten_core.http import sse
from baukasten_core.http.account_models import FewerRegions
from baukasten_core.http.dependencies import CurrentKit, ServicesDep
from baukasten_core.http.embeddings_routes import embedder_of
from baukasten_core.http.errors import problem_of, problem_responses
from baukasten_core.http.llm_sources import (
    PlainText,
    SomeText,
    SourceIn,
    sources_for,
    with_sources,
)
from baukasten_core.render.sentences import Told

router = APIRouter(prefix="/llm", tags=["llm"])

STREAMED: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The answer; with `stream`, events `start`, `text`, then `end` or `error`.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
}


PULLED: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Events `progress` (`done` and `total` bytes), then `end` or `error`.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
}


class GenerateIn(BaseModel):
    """A prompt. With `sources`, or a `project_id` whose documents have some, the answer rests on
    them and cites them as `[n]`."""

    prompt: SomeText
    provider: PlainText | None = Field(None, description="Unset: the configured chain.")
    model: PlainText | None = Field(None, description="Unset: the configured, else the first.")
    temperature: float = Field(0.3, ge=0, le=2)
    max_tokens: int = Field(2000, ge=1, le=100_000)
    timeout: float | None = Field(None, ge=1, le=600, description="Seconds. Unset: llm.timeout.")
    system: PlainText | None = None
    project_id: UUID | None = None
    residency: FewerRegions = None
    sources: list[SourceIn] = Field(default_factory=list, max_length=200)
    stream: bool = False


class UsageOut(BaseModel):
    """Tokens, as the provider counted them."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int

    @classmethod
    def of(cls, usage: Usage) -> UsageOut:
        return cls(
            prompt_tokens=usage.prompt_tokens,
            completion_tokens=usage.completion_tokens,
            total_tokens=usage.total_tokens,
        )


class GenerateOut(BaseModel):
    """An answer, and who gave it. `sources` are those it may cite, `[1]` first."""

    response: str
    provider: str
    model: str
    region: str
    finish_reason: Literal["stop", "length", "tool_calls", "content_filter"]
    usage: UsageOut
    sources: list[SourceIn] = Field(default_factory=list)


class ModelOut(BaseModel):
    """A model that can be asked now; `allowed`: the data may go to its region; `loaded`:
    it is in memory, null when its server does not say."""

    name: str
    provider: str
    description: str
    region: str
    context: int | None
    hosted: bool
    allowed: bool
    loaded: bool | None


class UnavailableOut(BaseModel):
    """A provider that lists nothing now."""

    provider: str
    kind: Literal["down", "not_configured", "residency"]
    reason: Told


class ModelsOut(BaseModel):
    """Every model of every configured provider, asked live."""

    models: list[ModelOut]
    total: int
    unavailable: list[UnavailableOut]


class PullIn(BaseModel):
    """A model to fetch."""

    model: SomeText
    provider: PlainText | None = Field(None, description="Unset: the first that can fetch models.")


class EmbedIn(BaseModel):
    """A text to embed."""

    text: SomeText
    model: PlainText | None = None


class EmbedOut(BaseModel):
    """A vector of unit length."""

    embedding: list[float]
    model: str
    dimensions: int


@router.post(
    "/generate",
    response_model=GenerateOut,
    responses={**STREAMED, **problem_responses(400, 502)},
)
async def generate(body: GenerateIn, kit: CurrentKit) -> Any:
    """Ask a language model; the answer says which provider and model gave it."""
    sources = await sources_for(kit, body.project_id, body.prompt, body.sources)
    events = kit.ask(
        GenerateRequest(
            model=body.model or "",
            messages=_messages(body, with_sources(body.prompt, sources)),
            temperature=body.temperature,
            max_tokens=body.max_tokens,
            timeout=body.timeout or kit.services.settings.llm.timeout,
            sources=sources,
            question=body.prompt,
        ),
        provider=body.provider or None,
        project_id=body.project_id,
        residency=body.residency,
    )
    listed = [SourceIn(text=item.text, title=item.title, id=item.id) for item in sources]
    if body.stream:
        return await stream_events(events, listed)
    answer = await collect(events)
    return GenerateOut(
        response=answer.text,
        provider=answer.routed.instance,
        model=answer.finished.model,
        region=answer.routed.region,
        finish_reason=answer.finished.reason,
        usage=UsageOut.of(answer.usage),
        sources=listed,
    )


@router.get("/models", response_model=ModelsOut, responses=problem_responses(400, 404))
async def models(
    kit: CurrentKit, provider: str | None = None, project_id: UUID | None = None
) -> ModelsOut:
    """The models that can be asked now, and the providers that do not answer; with `project_id`,
    as far as that project's data may go."""
    allowed = await kit.residency(project_id)
    listing = await kit.services.gateway.models(allowed, provider or None)
    found = [
        ModelOut(
            name=model.name,
            provider=model.instance,
            description=model.description,
            region=model.region,
            context=model.context,
            hosted=model.hosted,
            allowed=model.allowed,
            loaded=model.loaded,
        )
        for model in listing.models
    ]
    absent = [
        UnavailableOut(provider=item.instance, kind=item.kind, reason=item.reason)
        for item in listing.unavailable
    ]
    return ModelsOut(models=found, total=len(found), unavailable=absent)


@router.post(
    "/models/pull",
    responses={**PULLED, **problem_responses(400, 403, 404, 503)},
    response_class=StreamingResponse,
    openapi_extra={"x-scope": "admin"},
)
async def pull(body: PullIn, kit: CurrentKit) -> StreamingResponse:
    """Have a provider's server fetch a model; for admins. Whoever goes away stops it, and who asks
    again goes on from there."""
    if not kit.principal.is_admin:
        raise Forbidden("Admin privileges required")
    steps = kit.services.gateway.pull(body.model, body.provider or None)
    # What fails before the first step is an ordinary error.
    first = await anext(steps, None)
    return sse.stream(_pulled(first, steps))


@router.post("/embed", response_model=EmbedOut)
async def embed(body: EmbedIn, kit: CurrentKit, services: ServicesDep) -> EmbedOut:
    """The vector of a text, from the platform's embedding model."""
    embedder, scope = embedder_of(services.embedders, body.model), kit.principal.scope
    vectors = await embedder.embed(scope, scope.project_id, [body.text], priority="query")
    vector = [float(value) for value in vectors[0]]
    model = embedder.provider.space.model
    return EmbedOut(embedding=vector, model=model, dimensions=len(vector))


async def _pulled(
    first: tuple[int, int] | None, steps: AsyncIterator[tuple[int, int]]
) -> AsyncIterator[str]:
    try:
        step = first
        while step is not None:
            yield sse.event("progress", {"done": step[0], "total": step[1]})
            step = await anext(steps, None)
        yield sse.event("end", {})
    except BaukastenError as error:
        yield sse.event("error", problem_of(error))
    finally:
        if isinstance(steps, AsyncGenerator):
            await steps.aclose()


def _messages(body: GenerateIn, prompt: str) -> tuple[Message, ...]:
    system = (Message("system", body.system),) if body.system else ()
    return (*system, Message("user", prompt))


async def stream_events(
    events: AsyncGenerator[GatewayEvent, None], sources: list[SourceIn]
) -> StreamingResponse:
    """The answer as server-sent events. What fails before the first piece is an ordinary error."""
    first = await anext(events)
    return sse.stream(_named(first, events, sources))


async def _named(
    first: GatewayEvent, events: AsyncGenerator[GatewayEvent, None], sources: list[SourceIn]
) -> AsyncIterator[str]:
    async with aclosing(events):
        try:
            yield _start(first, sources)
            async for event in events:
                if isinstance(event, TextDelta):
                    yield sse.event("text", {"text": event.text})
                elif isinstance(event, Finished):
                    yield _end(event)
        except BaukastenError as error:
            yield sse.event("error", problem_of(error))


def _start(event: GatewayEvent, sources: list[SourceIn]) -> str:
    assert isinstance(event, Routed)
    who = {"provider": event.instance, "model": event.model, "region": event.region}
    return sse.event("start", {**who, "sources": [item.model_dump() for item in sources]})


def _end(event: Finished) -> str:
    usage = UsageOut.of(event.usage).model_dump()
    return sse.event("end", {"model": event.model, "finish_reason": event.reason, "usage": usage})
