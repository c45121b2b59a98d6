"""The application `gateway`: `/v1` in OpenAI's and Anthropic's shapes, and calls by handle."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from starlette.types import ASGIApp

from baukasten_core.contracts.gateway import GatewayCall, GatewayEvent, ModelListing
from baukasten_core.http import anthropic_routes, openai_routes, usage_routes
from baukasten_serve.replicas.base import Replica
from baukasten_serve.usage_metrics import UsageMetrics


class Gateway(Replica):
    """Its methods are an `LLMGateway`'s; `handles.GatewayHandle` is the other end."""

    def __serve_build_asgi_app__(self) -> ASGIApp:
        routers = openai_routes.router, anthropic_routes.router, usage_routes.router
        return self.small_app(*routers, **self.embedder_handles(), observe=UsageMetrics())

    async def models(self, residency: frozenset[str], instance: str | None) -> ModelListing:
        return await self.services.gateway.models(residency, instance)

    async def context(self, call: GatewayCall) -> int | None:
        return await self.services.gateway.context(call)

    async def generate(self, call: GatewayCall) -> AsyncGenerator[GatewayEvent, None]:
        events = self.services.gateway.generate(call)
        async with aclosing(events):  # type: ignore[type-var]
            async for event in events:
                yield event

    async def pull(self, model: str, instance: str | None) -> AsyncGenerator[tuple[int, int], None]:
        steps = self.services.gateway.pull(model, instance)
        async with aclosing(steps):  # type: ignore[type-var]
            async for step in steps:
                yield step
