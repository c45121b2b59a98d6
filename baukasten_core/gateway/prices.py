"""What tokens cost, from the operator's table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from baukasten_core.contracts.llm import Usage

MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Price:
    """Of a million tokens, in the platform's currency."""

    prompt: float = 0.0
    completion: float = 0.0

    def of(self, usage: Usage) -> int:
        """In millionths, rounded up: then no part of a budget is lost to rounding."""
        exact = usage.prompt_tokens * self.prompt + usage.completion_tokens * self.completion
        return -int(-exact // 1)


FREE = Price()


class Prices:
    """By `instance/model`, or by `instance` for its other models; what is not there is free."""

    def __init__(self, table: Mapping[str, Price] | None = None) -> None:
        self._table = {_key(name): price for name, price in (table or {}).items()}

    def of(self, instance: str, model: str) -> Price:
        for name in (f"{instance}/{model}", instance):
            if (price := self._table.get(name)) is not None:
                return price
        return FREE


def _key(name: str) -> str:
    instance, slash, model = name.partition("/")
    return f"{instance.lower()}{slash}{model}"
