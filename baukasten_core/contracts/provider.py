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
        in_process: it works in this process (or the platform's own database) and sends nothing
            anywhere, so data that may not leave may go to it. Of one that does not say so,
            `config` has `base_url` or `url` (local where it can only be this machine), or
            `region`, where the operator declares it; else nobody knows where data would go, and
            none is sent. (Language models say it in their `Capabilities`, mailers by their
            `server`.)
    """

    name: str
    build: Callable[[Any], T]
    config: type[ProviderConfig] = ProviderConfig
    summary: str = ""
    in_process: bool = False
