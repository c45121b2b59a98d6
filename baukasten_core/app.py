"""The composition root: the one place that knows everybody.

`open_services` builds the parts from settings; `create_app` serves them over HTTP. Both take
services as contracts, so that the same application runs in one process or on Ray Serve, with
handles to the embedder and the gateway passed in.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from fastapi import Depends, FastAPI
from fastapi_offline import FastAPIOffline
from pydantic import ValidationError

from baukasten_core import __version__
from baukasten_core.accounts.tokens import AccessTokens
from baukasten_core.background import jobs_in_process
from baukasten_core.contracts.embedding import EmbeddingProvider
from baukasten_core.contracts.gateway import LLMGateway
from baukasten_core.contracts.provider import Provider
from baukasten_core.contracts.reranking import Reranker
from baukasten_core.contracts.speech import SpeechProvider
from baukasten_core.db.migrate import CORE, Migrated, MigrationReport, migrate
from baukasten_core.db.roles import Roles
from baukasten_core.db.session import Database, refuse_unsafe_role
from baukasten_core.db.state import plugin_states, what_is_missing
from baukasten_core.db.urls import app_url
from baukasten_core.documents.embedders import DEFAULT, Embedders
from baukasten_core.documents.extract import Extractor
from baukasten_core.documents.fetch import Fetcher
from baukasten_core.documents.ingest import Ingestor
from baukasten_core.documents.mover import Mover
from baukasten_core.documents.moves import Moves
from baukasten_core.documents.search import Searcher
from baukasten_core.documents.service import Documents
from baukasten_core.errors import PluginQuarantined, SettingsError, StartupRefused, misfits
from baukasten_core.gateway.audited import refusals_to_audit
from baukasten_core.gateway.checks import instance_check
from baukasten_core.gateway.gateway import Gateway
from baukasten_core.gateway.instances import build_instances
from baukasten_core.gateway.meter import OnUsage
from baukasten_core.gateway.usage import UsageWriter
from baukasten_core.health import blobs_check, embedder_check
from baukasten_core.http import (
    admin_routes,
    auth_routes,
    documents_routes,
    embeddings_routes,
    llm_routes,
    oidc_routes,
    openai_routes,
    privacy_routes,
    projects_routes,
    sessions_routes,
    system_routes,
    tenants_routes,
    users_routes,
)
from baukasten_core.http.errors import install_error_handlers
from baukasten_core.http.middleware import BodyLimit, RequestContext
from baukasten_core.http.openapi import document_problems
from baukasten_core.http.pages import mount_pages
from baukasten_core.jobs import Jobs
from baukasten_core.logs import configure_logs
from baukasten_core.parts import (
    blob_guard,
    blob_options,
    document_limits,
    embedding_guards,
    search_guard,
    speech_guard,
    transform_of,
    vector_guard,
    vector_options,
)
from baukasten_core.plugins import PluginHost
from baukasten_core.services import Check, Services
from baukasten_core.settings import Settings

T = TypeVar("T")

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
ROUTERS = (
    system_routes.router,
    auth_routes.router,
    oidc_routes.router,
    sessions_routes.router,
    privacy_routes.router,
    users_routes.router,
    tenants_routes.router,
    projects_routes.router,
    documents_routes.router,
    llm_routes.router,
    openai_routes.router,
    embeddings_routes.router,
    admin_routes.router,
)


@asynccontextmanager
async def open_services(
    settings: Settings,
    host: PluginHost,
    *,
    embedder: EmbeddingProvider | None = None,
    more_embedders: Mapping[str, EmbeddingProvider] | None = None,
    gateway: LLMGateway | None = None,
    checks: Mapping[str, Check] | None = None,
) -> AsyncIterator[Services]:
    """Build every service; close them at exit. Nothing optional that is down stops this.

    Args:
        embedder, gateway: handles to other processes; by default both run in this one.
        more_embedders: the same for those of `embedding.more`, by name.
        checks: further health checks, such as `application:worker`.

    Raises:
        StartupRefused: the database role would not be held by row-level security, or the
            database has not been migrated.
        SettingsError: a setting names a provider that is not there, or configures it wrongly.
    """
    async with AsyncExitStack() as stack:
        database = open_database(settings)
        stack.push_async_callback(database.close)
        await refuse_unsafe_role(database)
        await quarantine_unmigrated(database, host)
        host.configure(settings.plugins.options)
        extractor = await stack.enter_async_context(Extractor(document_limits(settings)))
        if gateway is None:
            usage = await stack.enter_async_context(UsageWriter(database))
            gateway = own = build_gateway(settings, host, database, on_usage=usage)
            stack.push_async_callback(own.aclose)
        services = build_services(
            *(settings, host, database, extractor),
            embedder=embedder,
            more_embedders=more_embedders,
            gateway=gateway,
        )
        yield replace(services, checks={**services.checks, **(checks or {})})


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
    app = new_app(settings.title, settings.server.max_body_mib, lifespan)
    for router in ROUTERS:
        app.include_router(router)
    include_showcases(app, host)
    return app


def new_app(title: str, max_body_mib: int, lifespan: Any) -> FastAPI:
    """An application with what all of ours share: errors, limits, request ids, offline docs."""
    app = FastAPIOffline(title=title, version=__version__, lifespan=lifespan)
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
    for name in host.quarantined:
        refuse_always = partial(_refuse_quarantined, host, name)
        app.add_api_route(
            f"/{name}/{{path:path}}", refuse_always, methods=[*METHODS], include_in_schema=False
        )


async def _refuse_quarantined(host: PluginHost, plugin: str) -> None:
    reason = host.quarantined.get(plugin)
    if reason is not None:
        raise PluginQuarantined(f"The plugin `{plugin}` is quarantined: {reason}", retry_after=60)


# --- the parts ----------------------------------------------------------------------------


def open_database(settings: Settings) -> Database:
    """A pool as the app role."""
    return Database(
        database_url(settings),
        pool_size=settings.database.pool_size,
        connect_timeout=settings.database.connect_timeout,
        statement_timeout=settings.database.statement_timeout,
    )


def database_url(settings: Settings) -> str:
    """Where the app role connects. Raises `StartupRefused` when no database is named."""
    database = settings.database
    if database.app_url:
        return database.app_url.get_secret_value()
    if not database.url or not database.app_password:
        raise StartupRefused(
            "no database is named",
            hint="Start with `baukasten up`, or set BAUKASTEN_DATABASE_URL.",
        )
    owner, password = database.url.get_secret_value(), database.app_password.get_secret_value()
    return app_url(owner, Roles(database.role_prefix).app, password)


def migrated_showcases(host: PluginHost) -> list[Migrated]:
    """What `db.migrate.migrate` needs to know of the showcases."""
    return [
        Migrated(showcase.name, showcase.migrations, showcase.data_map)
        for showcase in host.showcases().values()
        if showcase.migrations is not None
    ]


def migrate_database(settings: Settings, host: PluginHost) -> MigrationReport:
    """Migrate the database of `settings.database.url`; a showcase that fails is quarantined, and
    so is one whose options don't fit."""
    database = settings.database
    if database.url is None:
        raise StartupRefused("database.url is not set, so there is nothing to migrate")
    password = database.app_password.get_secret_value() if database.app_password else None
    report = migrate(
        database.url.get_secret_value(),
        migrated_showcases(host),
        role_prefix=database.role_prefix,
        app_password=None if database.app_url else password,
    )
    for showcase, reason in report.failed.items():
        host.quarantine(host.plugin_of(showcase), reason)
    host.configure(settings.plugins.options)
    return report


async def quarantine_unmigrated(database: Database, host: PluginHost) -> None:
    """Take out each showcase whose tables are not there as it expects them.

    Raises `StartupRefused` if that is so for the core.
    """
    async with database.transaction() as session:
        states = await plugin_states(session)
    for what in [CORE, *migrated_showcases(host)]:
        reason = what_is_missing(what, states.get(what.schema))
        if reason and what is CORE:
            raise StartupRefused(f"the database is not ready: {reason}")
        if reason:
            host.quarantine(host.plugin_of(what.schema), reason)


def build_services(
    settings: Settings,
    host: PluginHost,
    database: Database,
    extractor: Extractor,
    *,
    embedder: EmbeddingProvider | None,
    more_embedders: Mapping[str, EmbeddingProvider] | None = None,
    gateway: LLMGateway,
) -> Services:
    """Every service, from what the plugins registered and the settings name."""
    storage = settings.storage
    own = {} if embedder else {DEFAULT: build_embedder(settings, host)}
    if more_embedders is None:
        more_embedders = build_more_embedders(settings, host)
        own |= more_embedders
    guards = embedding_guards(settings, host, database)
    embedders = Embedders(embedder or own[DEFAULT], more_embedders, guards)
    vectors = build(
        "storage.vectors", storage.vectors, host.vector_stores(), vector_options(settings)
    )
    vectors_guard = vector_guard(settings, host, database)
    blobs = build("storage.blobs", storage.blobs, host.blob_stores(), blob_options(settings))
    store_guard = blob_guard(settings, host, database)
    jobs = Jobs()
    ingestor = Ingestor(
        database,
        blobs,
        embedders,
        vectors,
        extractor,
        jobs,
        transform_of=partial(transform_of, host),
        guard=vectors_guard,
        chunk_characters=settings.documents.chunk_characters,
    )
    return Services(
        settings=settings,
        host=host,
        database=database,
        embedders=embedders,
        blob_guard=store_guard,
        speech=build_speech(settings, host),
        speech_guard=speech_guard(settings, host, database),
        gateway=gateway,
        vectors=vectors,
        blobs=blobs,
        mailer=build(
            "mail.provider", settings.mail.provider, host.mailers(), settings.mail.options
        ),
        auth=tuple(
            build("auth.providers", name, host.auth_providers(), auth_options(settings, name))
            for name in settings.auth.providers
        ),
        tokens=access_tokens(settings),
        jobs=jobs,
        searcher=Searcher(
            database,
            embedders,
            vectors,
            guard=search_guard(settings, host, database),
            reranker=build_reranker(settings, host),
        ),
        documents=Documents(
            database,
            blobs,
            vectors,
            jobs,
            extractor,
            Fetcher(extractor.limits) if settings.documents.fetch_urls else None,
            ingestor,
            blob_guard=store_guard,
        ),
        mover=Mover(
            *(database, embedders, vectors, jobs),
            transform_of=partial(transform_of, host),
            guard=vectors_guard,
        ),
        checks={
            **llm_checks(settings, gateway),
            **{
                f"provider:{one.name if name == DEFAULT else name}": embedder_check(one)
                for name, one in own.items()
            },
            f"provider:{blobs.name}": blobs_check(blobs),
        },
    )


def llm_checks(settings: Settings, gateway: LLMGateway) -> dict[str, Check]:
    """One health check an instance. The default chain is a wish: only who wrote one of their own
    expects its instances to answer."""
    residency = frozenset(settings.privacy.residency)
    chain = {name.lower() for name in settings.llm.chain}
    expected = chain if settings.llm.model_fields_set else {"extractive"}
    return {
        f"provider:{name}": instance_check(
            gateway, name, residency, expected=name.lower() in expected
        )
        for name in settings.llm.instances
    }


def auth_options(settings: Settings, name: str) -> Mapping[str, Any]:
    """What an auth provider is configured with."""
    return {"sites": settings.auth.oidc} if name == "oidc" else {}


def build_reranker(settings: Settings, host: PluginHost) -> Reranker | None:
    """The reranker that the settings name; none by default."""
    name, options = settings.retrieval.reranker, settings.retrieval.reranker_options
    return build("retrieval.reranker", name, host.rerankers(), options) if name else None


def build_speech(settings: Settings, host: PluginHost) -> SpeechProvider | None:
    """The speech provider that the settings name; none by default."""
    name, options = settings.speech.provider, settings.speech.options
    return build("speech.provider", name, host.speech_providers(), options) if name else None


def build_embedder(settings: Settings, host: PluginHost) -> EmbeddingProvider:
    """The default embedder that the settings name, in this process."""
    embedding = settings.embedding
    return _embedder(settings, host, "embedding.provider", embedding.provider, embedding.options)


def build_more_embedders(settings: Settings, host: PluginHost) -> dict[str, EmbeddingProvider]:
    """The further embedders that the settings name, in this process."""
    return {
        name: _embedder(settings, host, f"embedding.more.{name}", one.provider, one.options)
        for name, one in settings.embedding.more.items()
    }


def _embedder(
    settings: Settings, host: PluginHost, setting: str, name: str, options: Mapping[str, Any]
) -> EmbeddingProvider:
    providers, embedding = host.embedding_providers(), settings.embedding
    known = providers[name].config.model_fields if name in providers else {}
    shared = {"threads": embedding.threads, "max_queue": embedding.max_queue}
    given = {option: value for option, value in shared.items() if value and option in known}
    return build(setting, name, providers, {**given, **options})


@asynccontextmanager
async def open_moves(settings: Settings, host: PluginHost) -> AsyncIterator[Moves]:
    """Moves to other embedding spaces, for the operator's commands: without a model in this
    process, and without a platform that runs."""
    database = open_database(settings)
    try:
        guards = embedding_guards(settings, host, database)
        embedders = Embedders(
            build_embedder(settings, host), build_more_embedders(settings, host), guards
        )
        yield Moves(database, embedders, Jobs())
    finally:
        await database.close()


def build_gateway(
    settings: Settings, host: PluginHost, database: Database, *, on_usage: OnUsage | None = None
) -> Gateway:
    """The LLM gateway that the settings describe, in this process."""
    return Gateway(
        build_instances(host.llm_providers(), settings.llm.instances),
        settings.llm.chain,
        on_refused=refusals_to_audit(database),
        on_usage=on_usage,
    )


def access_tokens(settings: Settings) -> AccessTokens:
    """Signs and reads access tokens with the configured key."""
    key = settings.auth.token_key
    if key is None:
        raise StartupRefused("auth.token_key is not set; load the settings with load_settings()")
    return AccessTokens.from_secret(
        key.get_secret_value(), lifetime=settings.auth.access_minutes * 60
    )


def build(
    setting: str, name: str, providers: Mapping[str, Provider[T]], options: Mapping[str, Any]
) -> T:
    """Build a registered provider with its options.

    Raises `SettingsError` naming the setting for an unknown name or options that do not fit.
    """
    provider = providers.get(name)
    if provider is None:
        known = ", ".join(sorted(providers)) or "none"
        raise SettingsError(f"setting `{setting}`: unknown provider `{name}`; installed: {known}")
    try:
        return provider.build(provider.config(**options))
    except ValidationError as error:
        raise SettingsError(f"setting `{setting}`, options of `{name}`: {misfits(error)}") from None
