"""The gateway in this process: what `contracts.gateway.LLMGateway` promises."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from typing import cast

import structlog

from baukasten_core.contracts.gateway import (
    LOCAL,
    GatewayCall,
    GatewayEvent,
    ListedModel,
    ModelListing,
    Routed,
    UnavailableInstance,
)
from baukasten_core.contracts.llm import Event, Usage
from baukasten_core.contracts.streams import checked_stream
from baukasten_core.errors import (
    BaukastenError,
    ModelNotFound,
    ProviderError,
    ProviderNotConfigured,
    ProviderUnavailable,
    StreamInterrupted,
)
from baukasten_core.gateway.breaker import Breaker
from baukasten_core.gateway.catalogue import Catalogue, not_found
from baukasten_core.gateway.forms import Form, formed
from baukasten_core.gateway.instances import Instance
from baukasten_core.gateway.leases import Limiter, Reservation
from baukasten_core.gateway.limits import most_prompt_tokens
from baukasten_core.gateway.meter import Meter, OnUsage, UsageRecord
from baukasten_core.gateway.prices import Price, Prices
from baukasten_core.gateway.residency import OnRefused, Refusal, is_allowed, report, violation
from baukasten_core.gateway.routes import Target, check_routes
from baukasten_core.gateway.routing import (
    NobodyAnswered,
    Refused,
    Route,
    candidates,
    named,
    plan,
    verdict,
)

log = structlog.get_logger("baukasten.gateway")

LEAST_SECONDS = 1.0
"""What an instance gets, however much of the timeout those before it used up."""

RETRY_SECONDS = 0.5
"""At most, before everybody is asked once more; by lot, so that not all callers come at once."""

TRY_THE_NEXT = (ProviderUnavailable, ProviderNotConfigured, ModelNotFound)


class Gateway:
    """Routes calls to instances; see `LLMGateway` for its promises.

    Args:
        instances: by lower-case name, from `build_instances`.
        chain: names asked in turn when the caller names none.
        routes: further lists by name, for callers who name one as their model.
        retries: how often everybody is asked again when nobody answered and nothing was begun.
        prices: of tokens, for the records and the limiter.
        limiter: sets aside what a call may cost.
        on_refused: writes the audit entry of a refused call.
        on_usage: keeps the record of each attempt.
    """

    def __init__(
        self,
        instances: Mapping[str, Instance],
        chain: Sequence[str],
        *,
        routes: Mapping[str, Sequence[Target]] | None = None,
        retries: int = 1,
        prices: Prices | None = None,
        limiter: Limiter | None = None,
        on_refused: OnRefused | None = None,
        on_usage: OnUsage | None = None,
    ) -> None:
        self.instances = dict(instances)
        self._chain = tuple(Target(name.lower()) for name in chain)
        self._routes = {name: tuple(targets) for name, targets in (routes or {}).items()}
        check_routes(self._routes, self.instances)
        self._retries = retries
        self._prices = prices or Prices()
        self._limiter = limiter
        self._breakers = {name: Breaker() for name in self.instances}
        self._on_refused = on_refused
        self._on_usage = on_usage
        self._catalogue = Catalogue()

    async def aclose(self) -> None:
        """Close the providers' connections."""
        for instance in self.instances.values():
            close = getattr(instance.llm, "aclose", None)
            if close is not None:
                await close()

    # --- models -------------------------------------------------------------------------------

    async def models(
        self, residency: frozenset[str] = LOCAL, instance: str | None = None
    ) -> ModelListing:
        asked = [named(instance, self.instances)] if instance else list(self.instances.values())
        parts = await asyncio.gather(*(self._list(item, residency) for item in asked))
        models = [part for part in parts if isinstance(part, list)]
        absent = [part for part in parts if isinstance(part, UnavailableInstance)]
        return ModelListing(tuple(model for part in models for model in part), tuple(absent))

    async def _list(
        self, instance: Instance, residency: frozenset[str]
    ) -> list[ListedModel] | UnavailableInstance:
        try:
            instance.ready()
            if not is_allowed(instance.region, residency):
                raise violation(instance.destination, residency)
            models = await self._catalogue.models(instance, live=True)
        except BaukastenError as error:
            return _absent(instance, error)
        self._breakers[instance.name].succeeded()
        listed = []
        for model in models:
            region = instance.destination_of(model).region
            listed.append(
                ListedModel(
                    name=model.name,
                    instance=instance.name,
                    provider=instance.provider,
                    region=region,
                    description=model.description,
                    context=model.context,
                    hosted=model.hosted,
                    allowed=is_allowed(region, residency),
                )
            )
        return listed

    # --- answers ------------------------------------------------------------------------------

    async def generate(self, call: GatewayCall) -> AsyncGenerator[GatewayEvent, None]:
        schema = call.request.response_schema
        form = None if schema is None else Form(schema)
        deadline = time.monotonic() + call.request.timeout
        for retries in reversed(range(self._retries + 1)):
            try:
                async with aclosing(self._in_turn(call, deadline, form)) as events:
                    async for event in events:
                        yield event
                return
            except NobodyAnswered as nobody:
                pause = random.uniform(0, RETRY_SECONDS)  # noqa: S311 (no secret)
                if not (retries and nobody.safe_again and time.monotonic() + pause < deadline):
                    raise await self._verdict(call, nobody) from None
            await asyncio.sleep(pause)

    async def _in_turn(
        self, call: GatewayCall, deadline: float, form: Form | None
    ) -> AsyncGenerator[GatewayEvent, None]:
        """The answer of the first that gives one; raises NobodyAnswered."""
        nobody = NobodyAnswered()
        for instance, asked in candidates(call, self.instances, self._chain, self._routes):
            ask = partial(self._guarded, instance=instance, deadline=deadline)
            answers = ask(asked) if form is None else formed(asked, form, instance.name, ask)
            try:
                async with aclosing(answers) as events:
                    async for event in events:
                        yield event
                return
            except Refused as refusal:
                nobody.refusals.append(refusal)
                nobody.failures.append((instance, refusal.error))
            except TRY_THE_NEXT as error:
                nobody.failures.append((instance, error))
        raise nobody

    async def _verdict(self, call: GatewayCall, nobody: NobodyAnswered) -> BaukastenError:
        """The error for the caller; a refusal is written down if it is that."""
        final = verdict(call, nobody.failures)
        for refused in nobody.refusals:
            if final is refused.error:
                await self._report(call, refused)
        return final

    async def _guarded(
        self, call: GatewayCall, instance: Instance, deadline: float
    ) -> AsyncGenerator[GatewayEvent, None]:
        """One instance's answer, unless it has failed too often of late."""
        seconds = max(LEAST_SECONDS, deadline - time.monotonic())
        breaker = self._breakers[instance.name]
        breaker.require()
        try:
            async with aclosing(self._answers(call, instance, seconds)) as events:
                async for event in events:
                    yield event
        except (ProviderUnavailable, StreamInterrupted) as error:
            breaker.failed(error)
            raise
        breaker.succeeded()

    async def _answers(
        self, call: GatewayCall, instance: Instance, seconds: float
    ) -> AsyncGenerator[GatewayEvent, None]:
        """One instance's answer. Where a model is missing, the list is looked at anew: it may
        have been pulled or removed since."""
        try:
            route = await plan(call, instance, self._catalogue)
        except ModelNotFound:
            route = await plan(call, instance, self._catalogue, live=True)
        try:
            async with aclosing(self._attempt(call, route, seconds)) as events:
                async for event in events:
                    yield event
            return
        except ModelNotFound:
            again = await plan(call, instance, self._catalogue, live=True)
            if again == route:
                raise
        async with aclosing(self._attempt(call, again, seconds)) as events:
            async for event in events:
                yield event

    async def _attempt(
        self, call: GatewayCall, route: Route, seconds: float
    ) -> AsyncGenerator[GatewayEvent, None]:
        """One request to one model. `Routed` goes before its first event, so an error before that
        leaves the way to the next instance open."""
        instance, started = route.instance, False
        request = replace(call.request, model=route.model, timeout=seconds)
        price = self._prices.of(instance.name, route.model)
        reservation = await self._reserve(call, price)
        meter = Meter()
        events = checked_stream(
            cast("AsyncGenerator[Event, None]", instance.ready().generate(request)),
            seconds=seconds,
            name=f"`{instance.name}`",
            first_seconds=instance.first_seconds,
        )
        try:
            async with aclosing(events) as own:
                async for event in own:
                    meter.event(event)
                    if not started:
                        started = True
                        yield Routed(instance.name, instance.provider, route.model, route.region)
                    yield event
        except BaukastenError as error:
            meter.error(error.type)
            if started and not isinstance(error, StreamInterrupted):
                raise StreamInterrupted(f"`{instance.name}` broke off; ask again.") from error
            if isinstance(error, ModelNotFound):
                raise await self._with_models(instance, route.model, error) from None
            raise
        except Exception as error:
            # A provider raises ProviderErrors alone; its bug is not the platform's.
            meter.error(type(error).__name__)
            log.error("provider bug", provider=instance.provider, error=type(error).__name__)
            raise ProviderError(f"The provider `{instance.provider}` failed.") from error
        finally:
            where = instance.name, instance.provider, route.model, route.region
            record = meter.record(call, *where, price)
            reservation.settle(record.usage, record.cost)
            await self._keep(record)

    async def _reserve(self, call: GatewayCall, price: Price) -> Reservation:
        """What the call may cost at most, set aside."""
        if self._limiter is None:
            return Reservation()
        most = Usage(most_prompt_tokens(call.request), call.request.max_tokens)
        return await self._limiter.reserve(call, most.total_tokens, price.of(most))

    async def _with_models(
        self, instance: Instance, model: str, error: ModelNotFound
    ) -> ModelNotFound:
        """The provider's error, with what is there."""
        try:
            models = await self._catalogue.models(instance, live=True)
            return not_found(instance, model, models)
        except ProviderError:
            return error

    async def _keep(self, record: UsageRecord) -> None:
        if self._on_usage is None:
            return
        try:
            await self._on_usage(record)
        except Exception as error:
            # An answer is worth more than its record.
            log.error("usage record not kept", error=type(error).__name__)

    async def _report(self, call: GatewayCall, refused: Refused) -> None:
        refusal = Refusal(
            refused.destination, call.residency, call.tenant_id, call.user_id, call.project_id
        )
        await report(refusal, self._on_refused)


def _absent(instance: Instance, error: BaukastenError) -> UnavailableInstance:
    kind = "down"
    if isinstance(error, ProviderNotConfigured):
        kind = "not_configured"
    elif error.type == "residency":
        kind = "residency"
    return UnavailableInstance(instance.name, instance.provider, kind, error.detail)  # type: ignore[arg-type]
