"""The application over HTTP: the core's routes, those of every showcase, and their pages.

It takes its services as contracts (`assembly.open_services`), so that the same application runs in
one process or on Ray Serve, with handles to the embedders and the gateway passed in.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, nullcontext
from functools import partial
from typing import Any

from fastapi import APIRouter, Depends, FastAPI
from fastapi_offline import FastAPIOffline

from baukasten_core import __version__
from baukasten_core.assembly import open_services
from baukasten_core.background import jobs_in_process
from baukasten_core.contracts.embedding import EmbeddingProvider
from baukasten_core.contracts.gateway import LLMGateway
from baukasten_core.errors import PluginQuarantined
from baukasten_core.http import (
    admin_figures_routes,
    admin_routes,
    anthropic_routes,
    auth_routes,
    documents_routes,
    embeddings_routes,
    installation_routes,
    limits_routes,
    llm_routes,
    oidc_routes,
    openai_routes,
    privacy_routes,
    projects_routes,
    sessions_routes,
    system_routes,
    tenants_routes,
    usage_routes,
    users_routes,
)
from baukasten_core.http.errors import install_error_handlers
from baukasten_core.http.middleware import BodyLimit, ReadersLanguage, RequestContext, ShortCuts
from baukasten_core.http.openapi import document_problems
from baukasten_core.http.pages import mount_pages
from baukasten_core.logs import configure_logs
from baukasten_core.plugins import PluginHost
from baukasten_core.render.sentences import CORE, VALIDATION, Sentences
from baukasten_core.services import Check
from baukasten_core.settings import Settings

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
ROUTERS = (
    system_routes.router,
    installation_routes.router,
    auth_routes.router,
    oidc_routes.router,
    sessions_routes.router,
    privacy_routes.router,
    users_routes.router,
    tenants_routes.router,
    limits_routes.router,
    projects_routes.router,
    documents_routes.router,
    llm_routes.router,
    openai_routes.router,
    anthropic_routes.router,
    usage_routes.router,
    embeddings_routes.router,
    admin_figures_routes.router,
    admin_routes.router,
)


def create_app(
    settings: Settings,
    host: PluginHost,
    *,
    embedder: EmbeddingProvider | None = None,
    more_embedders: Mapping[str, EmbeddingProvider] | None = None,
    gateway: LLMGateway | None = None,
    checks: Mapping[str, Check] | None = None,
) -> FastAPI:
    """The HTTP application: the core's routes and those of every showcase.

    Its services are opened when it starts and closed when it stops; see `open_services`.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        opened = open_services(
            *(settings, host),
            embedder=embedder,
            more_embedders=more_embedders,
            gateway=gateway,
            checks=checks,
        )
        async with opened as services:
            app.state.services = services
            async with jobs_in_process(services) if settings.jobs.in_process else nullcontext():
                yield

    configure_logs(settings.log_level)
    app = new_app(settings.title, settings.server.max_body_mib, lifespan, ROUTERS)
    include_showcases(app, host)
    return app


def new_app(
    title: str, max_body_mib: int, lifespan: Any, routers: Sequence[APIRouter] = ()
) -> FastAPI:
    """An application with these routes and what all of ours share: errors, limits, request ids,
    offline docs."""
    app = FastAPIOffline(title=title, version=__version__, lifespan=lifespan)
    for router in routers:
        app.include_router(router)
    app.add_middleware(ShortCuts, routers=routers)
    app.add_middleware(BodyLimit, limit=max_body_mib * 2**20)
    app.add_middleware(RequestContext)
    install_error_handlers(app)
    document_problems(app)
    return app


def include_showcases(app: FastAPI, host: PluginHost) -> None:
    """Each showcase's routes under its name, and a 503 that says why for a quarantined one."""
    showcases = host.showcases()
    for name, showcase in showcases.items():
        refuse = Depends(partial(_refuse_quarantined, host, host.plugin_of(name)))
        app.include_router(showcase.router, prefix=f"/{name}", tags=[name], dependencies=[refuse])
    mount_pages(app, showcases)
    folders = [showcase.sentences for showcase in showcases.values() if showcase.sentences]
    app.add_middleware(ReadersLanguage, sentences=Sentences(CORE, VALIDATION, *folders))
    for name in host.quarantined:
        refuse_always = partial(_refuse_quarantined, host, name)
        app.add_api_route(
            f"/{name}/{{path:path}}", refuse_always, methods=[*METHODS], include_in_schema=False
        )


async def _refuse_quarantined(host: PluginHost, plugin: str) -> None:
    reason = host.quarantined.get(plugin)
    if reason is not None:
        raise PluginQuarantined(f"The plugin `{plugin}` is quarantined: {reason}", retry_after=60)
