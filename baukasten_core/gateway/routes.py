"""Routes: to whom a call is offered, and in which order."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from baukasten_core.contracts.llm import GenerateRequest
from baukasten_core.contracts.streams import prompt_tokens
from baukasten_core.errors import SettingsError


@dataclass(frozen=True, slots=True)
class Condition:
    """For which requests a target is there; what is None does not matter.

    `images`, `tools`, `structured`: whether the request has pictures, tools, a schema for its
    answer. `least_tokens`, `most_tokens`: of its messages, estimated.
    """

    images: bool | None = None
    tools: bool | None = None
    structured: bool | None = None
    least_tokens: int | None = None
    most_tokens: int | None = None

    def holds(self, request: GenerateRequest) -> bool:
        wanted = (
            (self.images, any(message.images for message in request.messages)),
            (self.tools, bool(request.tools)),
            (self.structured, request.response_schema is not None),
        )
        if any(want is not None and want != found for want, found in wanted):
            return False
        if self.least_tokens is None and self.most_tokens is None:
            return True
        tokens = prompt_tokens(request)
        return (self.least_tokens or 0) <= tokens and (
            self.most_tokens is None or tokens <= self.most_tokens
        )


@dataclass(frozen=True, slots=True)
class Target:
    """An instance, and its model: empty for the one that the caller names, else its default.

    `weight`: its share of the calls among the targets with a weight that stand next to it.
    """

    instance: str
    model: str = ""
    weight: float | None = None
    condition: Condition = Condition()


def in_order(targets: Iterable[Target], request: GenerateRequest) -> list[Target]:
    """Those that are there for this request, as they are asked: one after the other, and
    neighbours with a weight in an order by lot."""
    there = [target for target in targets if target.condition.holds(request)]
    ordered: list[Target] = []
    for drawn, group in groupby(there, key=lambda target: target.weight is not None):
        neighbours = list(group)
        ordered += sorted(neighbours, key=_lot) if drawn else neighbours
    return ordered


def _lot(target: Target) -> float:
    """The first of several exponential clocks rings with a probability by its rate."""
    return random.expovariate(target.weight or 1.0)


def check_routes(routes: Mapping[str, Sequence[Target]], instances: Iterable[str]) -> None:
    """Refuse routes that could not be followed.

    Raises `SettingsError`: a name that is an instance's or has a slash, or a target that is not
    there.
    """
    known = set(instances)
    for name, targets in routes.items():
        if name in known or "/" in name:
            raise SettingsError(f"setting `llm.routes`: `{name}` is an instance, or has a slash")
        for target in targets:
            if target.instance not in known:
                there = ", ".join(f"`{one}`" for one in sorted(known))
                raise SettingsError(
                    f"setting `llm.routes.{name}`: `{target.instance}` is none of the instances "
                    f"{there}"
                )
