"""How an implementation of a contract is registered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict

T = TypeVar("T")


class ProviderConfig(BaseModel):
    """Base of a provider's configuration: frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


@dataclass(frozen=True, slots=True)
class Provider(Generic[T]):
    """A registered implementation: its name, what an operator may configure, how to build it.

    Attributes:
        name: what operators and callers write, lower case (`ollama`).
        build: called once a process with an instance of `config`; must not connect or load
            anything heavy before its first use, so that a missing service never stops the start.
        config: the operator's part, validated before `build` sees it.
        summary: one line for `baukasten plugins` and the reference.
    """

    name: str
    build: Callable[[Any], T]
    config: type[ProviderConfig] = ProviderConfig
    summary: str = ""
