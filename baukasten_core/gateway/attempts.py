"""One request to one model: what it may cost is set aside, what it costs is recorded."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass, replace
from typing import cast

import structlog

from baukasten_core.contracts.gateway import Answer, GatewayCall, Routed, collected
from baukasten_core.contracts.llm import Event, Usage
from baukasten_core.contracts.streams import checked_stream
from baukasten_core.errors import BaukastenError, ProviderError, StreamInterrupted
from baukasten_core.gateway.breaker import Breaker
from baukasten_core.gateway.leases import Limiter, Reservation
from baukasten_core.gateway.limits import most_prompt_tokens
from baukasten_core.gateway.meter import Meter, OnUsage, UsageRecord
from baukasten_core.gateway.prices import Price, Prices
from baukasten_core.gateway.routing import Route
from baukasten_core.gateway.tracing import begin_span, end_span

log = structlog.get_logger("baukasten.gateway")


@dataclass(frozen=True, slots=True)
class Begun:
    """An answer whose first piece is there: from here on nobody else is asked."""

    routed: Routed
    first: Event
    events: AsyncGenerator[Event, None]

    async def collect(self) -> Answer:
        """The whole answer."""
        rest = [event async for event in self.events]
        return collected([self.routed, self.first, *rest])


class Attempts:
    """Makes requests, and keeps their records."""

    def __init__(self, prices: Prices, limiter: Limiter | None, on_usage: OnUsage | None) -> None:
        self._prices = prices
        self._limiter = limiter
        self._on_usage = on_usage

    async def begin(
        self, call: GatewayCall, route: Route, seconds: float, breaker: Breaker
    ) -> Begun:
        """Ask, and wait for the first piece. Raises what `LLMProvider.generate` raises."""
        events = self._events(call, route, seconds, breaker)
        first = await anext(events)
        instance = route.instance
        routed = Routed(instance.name, instance.provider, route.model, route.region)
        return Begun(routed, first, events)

    async def repeated(self, call: GatewayCall, answer: Answer) -> None:
        """An answer that was there already is recorded, and costs nothing."""
        routed = answer.routed
        where = routed.instance, routed.provider, routed.model, routed.region
        await self._keep(replace(Meter().record(call, *where), outcome="cached", usage=Usage()))

    async def _events(
        self, call: GatewayCall, route: Route, seconds: float, breaker: Breaker
    ) -> AsyncGenerator[Event, None]:
        instance, request = route.instance, call.request
        provider = instance.ready()
        if (request.model, request.timeout) != (route.model, seconds):
            request = replace(request, model=route.model, timeout=seconds)
        price = self._prices.of(instance.name, route.model)
        reservation = await self._reserve(call, price)
        meter, span = Meter(), begin_span(call, route)
        events = checked_stream(
            cast("AsyncGenerator[Event, None]", provider.generate(request)),
            seconds=seconds,
            name=f"`{instance.name}`",
            first_seconds=instance.first_seconds,
        )
        try:
            async for event in events:
                meter.event(event)
                yield event
            breaker.succeeded()
        except StreamInterrupted as error:
            meter.error(error.type)
            breaker.failed(error)
            raise
        except BaukastenError as error:
            meter.error(error.type)
            if not meter.started:
                raise
            raise StreamInterrupted(f"`{instance.name}` broke off; ask again.") from error
        except Exception as error:
            # A provider raises ProviderErrors alone; its bug is not the platform's.
            meter.error(type(error).__name__)
            log.error("provider bug", provider=instance.provider, error=type(error).__name__)
            raise ProviderError(f"The provider `{instance.provider}` failed.") from error
        finally:
            await events.aclose()
            where = instance.name, instance.provider, route.model, route.region
            record = meter.record(call, *where, price)
            reservation.settle(record.usage, record.cost)
            end_span(span, record, meter.finished)
            await self._keep(record)

    async def _reserve(self, call: GatewayCall, price: Price) -> Reservation:
        """What the call may cost at most, set aside."""
        if self._limiter is None:
            return Reservation()
        most = Usage(most_prompt_tokens(call.request), call.request.max_tokens)
        return await self._limiter.reserve(call, most.total_tokens, price.of(most))

    async def _keep(self, record: UsageRecord) -> None:
        if self._on_usage is None:
            return
        try:
            await self._on_usage(record)
        except Exception as error:
            # An answer is worth more than its record.
            log.error("usage record not kept", error=type(error).__name__)
