"""The composition root: the one place that knows everybody. Every service, from settings and what
the plugins registered."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from functools import partial

from baukasten_core.build import (
    access_tokens,
    auth_options,
    build,
    build_embedder,
    build_gateway,
    build_more_embedders,
    build_reranker,
    build_speech,
)
from baukasten_core.contracts.embedding import EmbeddingProvider
from baukasten_core.contracts.gateway import LLMGateway
from baukasten_core.databases import open_database, quarantine_unmigrated
from baukasten_core.db.remembered import CHANNEL, Remembered
from baukasten_core.db.session import Database, refuse_unsafe_role
from baukasten_core.documents.embedders import DEFAULT, Embedders
from baukasten_core.documents.extract import Extractor
from baukasten_core.documents.fetch import Fetcher
from baukasten_core.documents.ingest import Ingestor
from baukasten_core.documents.mover import Mover
from baukasten_core.documents.moves import Moves
from baukasten_core.documents.search import Searcher
from baukasten_core.documents.service import Documents
from baukasten_core.gateway.checks import instance_check
from baukasten_core.gateway.leases import Leases
from baukasten_core.gateway.usage import Observe, UsageWriter
from baukasten_core.health import blobs_check, embedder_check
from baukasten_core.jobs import Jobs
from baukasten_core.llm_parts import llm_caps
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
from baukasten_core.telemetry import traces_sent


@asynccontextmanager
async def open_services(
    settings: Settings,
    host: PluginHost,
    *,
    embedder: EmbeddingProvider | None = None,
    more_embedders: Mapping[str, EmbeddingProvider] | None = None,
    gateway: LLMGateway | None = None,
    checks: Mapping[str, Check] | None = None,
    remember: bool = False,
    observe: Observe | None = None,
) -> AsyncIterator[Services]:
    """Build every service; close them at exit. Nothing optional that is down stops this.

    Args:
        embedder, gateway: handles to other processes; by default both run in this one.
        more_embedders: the same for those of `embedding.more`, by name.
        checks: further health checks, such as `application:worker`.
        observe: is told what calls to language models used, every second.
        remember: for a process whose requests need the database for little but who asks.

    Raises:
        StartupRefused: the database role would not be held by row-level security, or the
            database has not been migrated.
        SettingsError: a setting names a provider that is not there, or configures it wrongly.
    """
    async with AsyncExitStack() as stack:
        stack.enter_context(traces_sent(settings, "baukasten"))
        database = open_database(settings)
        stack.push_async_callback(database.close)
        await refuse_unsafe_role(database)
        await quarantine_unmigrated(database, host)
        host.configure(settings.plugins.options)
        extractor = await stack.enter_async_context(Extractor(document_limits(settings)))
        remembered = None
        if remember:
            remembered = await stack.enter_async_context(Remembered(database.notices(CHANNEL)))
        if gateway is None:
            usage = await stack.enter_async_context(UsageWriter(database, observe))
            caps_of = llm_caps(settings, database, remembered)
            limiter = await stack.enter_async_context(Leases(database, caps_of))
            gateway = own = build_gateway(settings, host, database, on_usage=usage, limiter=limiter)
            stack.push_async_callback(own.aclose)
        services = build_services(
            *(settings, host, database, extractor),
            embedder=embedder,
            more_embedders=more_embedders,
            gateway=gateway,
        )
        every = {**services.checks, **(checks or {})}
        yield replace(services, checks=every, remembered=remembered)


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
