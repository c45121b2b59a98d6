"""The gateway in this process: what `contracts.gateway.LLMGateway` promises."""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from functools import partial
from typing import TypeVar, cast

from baukasten_core.contracts.gateway import (
    LOCAL,
    Answer,
    GatewayCall,
    GatewayEvent,
    ListedModel,
    ModelListing,
    UnavailableInstance,
    collected,
    events_of,
)
from baukasten_core.contracts.llm import Finished
from baukasten_core.errors import (
    BaukastenError,
    ModelNotFound,
    ProviderError,
    ProviderNotConfigured,
    ProviderUnavailable,
)
from baukasten_core.gateway.attempts import Attempts, Begun
from baukasten_core.gateway.breaker import Breaker
from baukasten_core.gateway.cache import Cache, key_of
from baukasten_core.gateway.catalogue import Catalogue, find, not_found
from baukasten_core.gateway.forms import Form, formed
from baukasten_core.gateway.instances import Instance
from baukasten_core.gateway.leases import Limiter
from baukasten_core.gateway.meter import OnUsage
from baukasten_core.gateway.prices import Prices
from baukasten_core.gateway.pulling import fetch, pulling
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

T = TypeVar("T")
Ask = Callable[[GatewayCall, Instance, float], Awaitable[T]]
"""(call, who is asked, until when by the monotonic clock)"""

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
        cache: of answers to the same question; none by default.
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
        cache: Cache | None = None,
        on_refused: OnRefused | None = None,
        on_usage: OnUsage | None = None,
    ) -> None:
        self.instances = dict(instances)
        self._chain = tuple(Target(name.lower()) for name in chain)
        self._routes = {name: tuple(targets) for name, targets in (routes or {}).items()}
        check_routes(self._routes, self.instances)
        self._retries = retries
        self._attempts = Attempts(prices or Prices(), limiter, on_usage)
        self._breakers = {name: Breaker() for name in self.instances}
        self._cache = cache
        self._on_refused = on_refused
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
                    loaded=model.loaded,
                )
            )
        return listed

    async def pull(
        self, model: str, instance: str | None = None
    ) -> AsyncGenerator[tuple[int, int], None]:
        puller = pulling(self.instances, instance)
        steps = cast("AsyncGenerator[tuple[int, int], None]", puller.pull(model))
        async with aclosing(steps):
            async for step in steps:
                yield step

    async def context(self, call: GatewayCall) -> int | None:
        for instance, asked in candidates(call, self.instances, self._chain, self._routes):
            try:
                self._breakers[instance.name].require()
                route = await plan(asked, instance, self._catalogue)
                return await self._context(route) if instance.look_first else None
            except (Refused, *TRY_THE_NEXT):
                continue
        return None

    async def _context(self, route: Route) -> int | None:
        """By the list; by a new one where the model is not on it."""
        for live in (False, True):
            models = await self._catalogue.models(route.instance, live=live)
            if (model := find(models, route.model)) is not None:
                return model.context
        return None

    # --- answers ------------------------------------------------------------------------------

    def generate(self, call: GatewayCall) -> AsyncGenerator[GatewayEvent, None]:
        if self._cache is None or call.tenant_id is None or call.user_id is None:
            return self._generated(call)
        return self._repeated(call, self._cache)

    async def _repeated(
        self, call: GatewayCall, cache: Cache
    ) -> AsyncGenerator[GatewayEvent, None]:
        """The answer that was given before, else one that is kept when it is whole."""
        key = key_of(call)
        if (answer := await cache.find(key, call)) is not None:
            await self._attempts.repeated(call, answer)
            for event in events_of(answer):
                yield event
            return
        seen: list[GatewayEvent] = []
        async with aclosing(self._generated(call)) as events:
            async for event in events:
                seen.append(event)
                if isinstance(event, Finished):
                    await cache.keep(key, call, collected(seen))
                yield event

    async def _generated(self, call: GatewayCall) -> AsyncGenerator[GatewayEvent, None]:
        schema = call.request.response_schema
        if schema is not None:
            answer = await self._answer(call, partial(self._in_form, form=Form(schema)))
            for event in events_of(answer):
                yield event
            return
        begun = await self._answer(call, self._begin)
        async with aclosing(begun.events):
            yield begun.routed
            yield begun.first
            async for event in begun.events:
                yield event

    async def _answer(self, call: GatewayCall, ask: Ask[T]) -> T:
        """What the first gives who answers; all are asked again where that is safe."""
        deadline = time.monotonic() + call.request.timeout
        for retries in reversed(range(self._retries + 1)):
            try:
                return await self._in_turn(call, deadline, ask)
            except NobodyAnswered as nobody:
                pause = random.uniform(0, RETRY_SECONDS)  # noqa: S311 (no secret)
                if not (retries and nobody.safe_again and time.monotonic() + pause < deadline):
                    raise await self._verdict(call, nobody) from None
            await asyncio.sleep(pause)
        raise AssertionError("the last round ends in the loop")

    async def _in_turn(self, call: GatewayCall, deadline: float, ask: Ask[T]) -> T:
        """What the first gives who answers; raises NobodyAnswered."""
        nobody = NobodyAnswered()
        for instance, asked in candidates(call, self.instances, self._chain, self._routes):
            try:
                return await ask(asked, instance, deadline)
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

    async def _in_form(
        self, call: GatewayCall, instance: Instance, deadline: float, *, form: Form
    ) -> Answer:
        async def ask(call: GatewayCall) -> Answer:
            begun = await self._begin(call, instance, deadline)
            return await begun.collect()

        return await formed(call, form, instance.name, ask)

    async def _begin(self, call: GatewayCall, instance: Instance, deadline: float) -> Begun:
        """One instance's answer, begun, unless it has failed too often of late."""
        seconds = max(LEAST_SECONDS, math.ceil(deadline - time.monotonic()))
        breaker = self._breakers[instance.name]
        breaker.require()
        try:
            return await self._planned(call, instance, seconds, breaker)
        except ProviderUnavailable as error:
            breaker.failed(error)
            raise

    async def _planned(
        self, call: GatewayCall, instance: Instance, seconds: float, breaker: Breaker
    ) -> Begun:
        """Where a model is missing, the list is looked at anew: it may have been pulled or removed
        since."""
        try:
            route = await plan(call, instance, self._catalogue)
        except ModelNotFound:
            route = await self._look_again(call, instance, seconds)
        try:
            return await self._attempts.begin(call, route, seconds, breaker)
        except ModelNotFound as error:
            again = await plan(call, instance, self._catalogue, live=True)
            if again == route:
                raise await self._with_models(instance, route.model, error) from None
        return await self._attempts.begin(call, again, seconds, breaker)

    async def _look_again(self, call: GatewayCall, instance: Instance, seconds: float) -> Route:
        """By the list as it is now, with the model fetched if the operator wants that."""
        try:
            return await plan(call, instance, self._catalogue, live=True)
        except ModelNotFound:
            wanted = call.request.model or instance.model
            if not (instance.pull_missing and wanted):
                raise
            await fetch(instance, wanted, seconds)
            return await plan(call, instance, self._catalogue, live=True)

    async def _with_models(
        self, instance: Instance, model: str, error: ModelNotFound
    ) -> ModelNotFound:
        """The provider's error, with what is there."""
        try:
            models = await self._catalogue.models(instance, live=True)
            return not_found(instance, model, models)
        except ProviderError:
            return error

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
