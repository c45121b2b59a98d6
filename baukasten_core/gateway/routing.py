"""Which instance and model a call goes to, and whether it may: decided before a byte is sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from baukasten_core.contracts.gateway import GatewayCall
from baukasten_core.contracts.llm import Model
from baukasten_core.errors import (
    BadRequest,
    BaukastenError,
    ModelNotFound,
    ProviderError,
    ProviderNotConfigured,
    ProviderTimeout,
    ProviderUnavailable,
    ResidencyViolation,
)
from baukasten_core.gateway.catalogue import Catalogue, find, not_found
from baukasten_core.gateway.instances import Instance
from baukasten_core.gateway.residency import Destination, is_allowed, violation
from baukasten_core.gateway.routes import Target, in_order

HOW_TO_ADD = (
    "Add a language model: install Ollama and `ollama pull` a model, or configure another "
    "provider in `llm.instances` and `llm.chain` (docs/llm-providers.md)."
)


@dataclass(frozen=True, slots=True)
class Route:
    """Where a call goes."""

    instance: Instance
    model: str
    region: str


class Refused(Exception):
    """Residency forbids the route; carries where it would have gone."""

    def __init__(self, destination: Destination, residency: frozenset[str]) -> None:
        super().__init__(destination.name)
        self.destination = destination
        self.error = violation(destination, residency)


class NobodyAnswered(Exception):
    """Everybody in turn was asked, or could not be."""

    def __init__(self) -> None:
        super().__init__("nobody answered")
        self.failures: list[tuple[Instance, BaukastenError]] = []
        self.refusals: list[Refused] = []

    @property
    def safe_again(self) -> bool:
        """Whether somebody may answer in a moment, and nobody can be at work on it still."""
        errors = [error for _, error in self.failures]
        down = any(isinstance(error, ProviderUnavailable) for error in errors)
        return down and not any(isinstance(error, ProviderTimeout) for error in errors)


def candidates(
    call: GatewayCall,
    instances: Mapping[str, Instance],
    chain: Sequence[Target],
    routes: Mapping[str, Sequence[Target]],
) -> list[tuple[Instance, GatewayCall]]:
    """Who is asked in turn, and what: the named instance alone, else the route that the model
    names, else the chain.

    An instance that works from sources alone is no candidate for a call without any, unless it
    is named.
    """
    if call.instance:
        return [(named(call.instance, instances), call)]
    name = call.request.model
    route = routes.get(name)
    if route is not None:
        call = replace(call, route=name)
    found = []
    for target in in_order(chain if route is None else route, call.request):
        instance = instances.get(target.instance)
        if instance is None or (instance.needs_sources and not call.request.sources):
            continue
        model = target.model if route is not None else call.request.model
        found.append((instance, replace(call, request=replace(call.request, model=model))))
    return found


def named(name: str, instances: Mapping[str, Instance]) -> Instance:
    """The instance of that name, in any case; raises BadRequest that lists the known."""
    instance = instances.get(name.strip().lower())
    if instance is None:
        known = ", ".join(f"`{known}`" for known in sorted(instances)) or "none"
        raise BadRequest(f"Unknown provider `{name[:100]}`; known: {known}.")
    return instance


async def plan(
    call: GatewayCall, instance: Instance, catalogue: Catalogue, *, live: bool = False
) -> Route:
    """The route to one instance; `live`: by its list as it is now.

    Raises:
        Refused: the data may not go there.
        ProviderNotConfigured, ProviderUnavailable, ModelNotFound: it can't be asked.
    """
    instance.ready()
    _require(instance.destination, call.residency)
    wanted = call.request.model or instance.model
    if wanted and not instance.look_first:
        return Route(instance, wanted, instance.region)
    try:
        models = await catalogue.models(instance, live=live)
    except ProviderError:
        if not wanted or instance.hosts:
            raise
        # Some servers can't list; this one's models are all its own.
        return Route(instance, wanted, instance.region)
    return _choose(call, instance, wanted, models)


def _require(destination: Destination, residency: frozenset[str]) -> None:
    if not is_allowed(destination.region, residency):
        raise Refused(destination, residency)


def _choose(call: GatewayCall, instance: Instance, wanted: str, models: Sequence[Model]) -> Route:
    if wanted:
        model = find(models, wanted)
        if model is None and instance.hosts:
            raise not_found(instance, wanted, models)
    else:
        allowed = [m for m in models if _region(instance, m, call.residency)]
        model = next(iter(allowed or models), None)
        if model is None:
            raise not_found(instance, "", models)
    destination = instance.destination_of(model)
    _require(destination, call.residency)
    return Route(instance, model.name if model else wanted, destination.region)


def _region(instance: Instance, model: Model, residency: frozenset[str]) -> bool:
    return is_allowed(instance.destination_of(model).region, residency)


def verdict(
    call: GatewayCall, failures: Sequence[tuple[Instance, BaukastenError]]
) -> BaukastenError:
    """The one error for a chain in which nobody answered."""
    errors = [error for _, error in failures]
    if len(errors) == 1 and call.instance:
        return errors[0]
    down = [error for error in errors if isinstance(error, ProviderUnavailable)]
    refused = [error for error in errors if isinstance(error, ResidencyViolation)]
    missing = [error for error in errors if isinstance(error, ModelNotFound)]
    if refused and not down:
        return refused[0]
    if missing and not down and call.request.model:
        models = [name for error in missing for name in error.extra.get("models", ())]
        detail = " ".join(error.detail for error in missing)
        return ModelNotFound(detail, hint=missing[0].hint, models=models)
    # That an instance has no key is no news to whoever configured the others.
    told = [error.detail for error in errors if not isinstance(error, ProviderNotConfigured)]
    retry = max((int(error.headers.get("Retry-After", 5)) for error in down), default=30)
    detail = " ".join(["No language model can answer.", *told])
    return ProviderUnavailable(detail, retry_after=retry, hint=HOW_TO_ADD)
