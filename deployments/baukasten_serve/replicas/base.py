"""What the replicas share: their settings and plugins, and the smaller HTTP applications."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypedDict

from fastapi import APIRouter, FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from baukasten_core.app import new_app
from baukasten_core.assembly import open_services
from baukasten_core.build import build_embedder, build_more_embedders
from baukasten_core.contracts.embedding import EmbeddingProvider, EmbeddingSpace
from baukasten_core.contracts.gateway import LLMGateway
from baukasten_core.documents.embedders import DEFAULT, Embedder
from baukasten_core.errors import ProviderUnavailable, Unavailable
from baukasten_core.gateway.usage import Observe
from baukasten_core.logs import configure_logs
from baukasten_core.plugins import PluginHost
from baukasten_core.services import Services
from baukasten_core.settings import load_settings
from baukasten_serve.handles import EmbedderHandle
from baukasten_serve.loopback import close_to_loopback


class Handles(TypedDict):
    """The embedders of another application."""

    embedder: EmbeddingProvider
    more_embedders: Mapping[str, EmbeddingProvider]


class Replica:
    """A process of its own: it reads the settings and finds the plugins itself."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        close_to_loopback()
        self.settings = load_settings(settings)
        configure_logs(self.settings.log_level)
        self.host = PluginHost.discover(disabled=self.settings.plugins.disabled)
        self._services: Services | None = None
        _collect_seldom()

    @property
    def services(self) -> Services:
        """Opened when the application starts."""
        if self._services is None:
            raise Unavailable("This process is still starting; ask again in a moment.")
        return self._services

    async def health(self) -> str | None:
        """For `/health` of the application `api`: None, or what is wrong in a sentence."""
        return None

    def embedder_handles(self) -> Handles:
        """The application `embedder`, from another one: what `open_services` takes."""
        more = build_more_embedders(self.settings, self.host)
        return {
            "embedder": _handle(DEFAULT, build_embedder(self.settings, self.host)),
            "more_embedders": {name: _handle(name, built) for name, built in more.items()},
        }

    def embedder(self, name: str) -> Embedder:
        """One of the embedders in this process."""
        found = self.services.embedders.named(name)
        if found is None:  # the caller has newer settings: this process is about to be replaced
            raise ProviderUnavailable(f"The embedder `{name}` is not configured here yet.")
        return found

    async def space(self, name: str = DEFAULT) -> EmbeddingSpace:
        """Of an embedder in this process, for an `EmbedderHandle` that does not know it."""
        return await self.embedder(name).space()

    def small_app(
        self,
        *routers: APIRouter,
        embedder: EmbeddingProvider | None = None,
        more_embedders: Mapping[str, EmbeddingProvider] | None = None,
        gateway: LLMGateway | None = None,
        observe: Observe | None = None,
    ) -> ASGIApp:
        """An ingress with these routers and the whole platform's authentication and errors."""

        @asynccontextmanager
        async def lifespan(app: FastAPI) -> AsyncIterator[None]:
            opened = open_services(
                *(self.settings, self.host),
                embedder=embedder,
                more_embedders=more_embedders,
                gateway=gateway,
                remember=True,
                observe=observe,
            )
            async with opened as self._services:
                app.state.services = self._services
                yield

        app = new_app(self.settings.title, self.settings.server.max_body_mib, lifespan, routers)
        return FullPath(app)


def _collect_seldom() -> None:
    """What was imported stays, so the garbage collector need not look at it; and what a request
    makes is mostly gone before it looks at that, which it does every some requests, not ten times
    in each."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def _handle(name: str, built: EmbeddingProvider) -> EmbedderHandle:
    # Where only its server knows its space, only that application asks it.
    return EmbedderHandle(Embedder(name, built).known_space, embedder=name)


class FullPath:
    """Routes are written as the outside sees them: Serve's prefix is not cut off.

    Outermost, so that Serve does not see a FastAPI application: of one it looks up the route of
    each request, once more, for the label of its metrics.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            scope = {**scope, "root_path": ""}
        await self._app(scope, receive, send)
