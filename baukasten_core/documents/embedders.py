"""The embedders that are configured: the default one, and those of further spaces."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from baukasten_core.contracts.auth import Scope
from baukasten_core.contracts.embedding import EmbeddingProvider, EmbeddingSpace, Priority
from baukasten_core.documents.access import Guard
from baukasten_core.errors import ProviderUnavailable

DEFAULT = "default"
"""The name of the embedder that new documents get."""


@dataclass(frozen=True, slots=True)
class Embedder:
    """A provider under the name that the settings give it.

    `guard` refuses what may not go where it is; None for one on this machine.
    """

    name: str
    provider: EmbeddingProvider
    guard: Guard | None = None

    @property
    def known_space(self) -> EmbeddingSpace | None:
        """Its space; None where only an answer of its server tells, and none has come yet."""
        with suppress(ProviderUnavailable):
            return self.provider.space
        return None

    async def space(self) -> EmbeddingSpace:
        """Its space, asked for if need be. Raises `ProviderUnavailable`."""
        known = self.known_space
        if known is None:
            await self.provider.embed(["ready"], priority="query")
        return known or self.provider.space

    async def require(self, scope: Scope, project_id: UUID | None) -> None:
        """Raises `ResidencyViolation` where the project's data may not go where it is."""
        if self.guard is not None:
            await self.guard(scope, project_id)

    async def embed(
        self,
        scope: Scope,
        project_id: UUID | None,
        texts: Sequence[str],
        *,
        priority: Priority = "bulk",
    ) -> NDArray[np.float32]:
        """Vectors of a project's texts; raises what `require` and the provider raise."""
        await self.require(scope, project_id)
        return await self.provider.embed(texts, priority=priority)


class Embedders:
    """All of them by name and by space.

    Args:
        default: what new documents get.
        more: further ones by name.
        guards: by name, for those that are elsewhere.
    """

    def __init__(
        self,
        default: EmbeddingProvider,
        more: Mapping[str, EmbeddingProvider] | None = None,
        guards: Mapping[str, Guard] | None = None,
    ) -> None:
        self._named = {
            name: Embedder(name, provider, (guards or {}).get(name))
            for name, provider in {DEFAULT: default, **(more or {})}.items()
        }

    def __iter__(self) -> Iterator[Embedder]:
        return iter(self._named.values())

    @property
    def default(self) -> Embedder:
        """What new documents get, unless their project has been moved elsewhere."""
        return self._named[DEFAULT]

    def named(self, name: str) -> Embedder | None:
        """The embedder of a name in the settings."""
        return self._named.get(name)

    def of_model(self, model: str | None) -> Embedder | None:
        """The embedder of a model, by the model's name or ours; without one, the default."""
        if not model:
            return self.default
        known = ((each.known_space, each) for each in self)
        by_model = (each for space, each in known if space and space.model == model)
        return self.named(model) or next(by_model, None)

    def may_have(self, space: str) -> bool:
        """Whether `by_space` would find one, as far as is known without asking."""
        spaces = [each.known_space for each in self]
        return any(found is None or found.id == space for found in spaces)

    async def by_space(self, space: str) -> Embedder | None:
        """The embedder that computes a space; None where none is configured.

        Raises `ProviderUnavailable` where one whose space only its server tells may be the one.
        """
        known = [(each.known_space, each) for each in self]
        for found, each in known:
            if found is not None and found.id == space:
                return each
        for found, each in known:
            if found is None and (await each.space()).id == space:
                return each
        return None
