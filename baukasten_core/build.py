"""Providers as the settings name and configure them, in this process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from baukasten_core.accounts.tokens import AccessTokens
from baukasten_core.contracts.embedding import EmbeddingProvider
from baukasten_core.contracts.provider import Provider
from baukasten_core.contracts.reranking import Reranker
from baukasten_core.contracts.speech import SpeechProvider
from baukasten_core.db.session import Database
from baukasten_core.errors import SettingsError, StartupRefused, misfits
from baukasten_core.gateway.audited import refusals_to_audit
from baukasten_core.gateway.cache import Answers
from baukasten_core.gateway.gateway import Gateway
from baukasten_core.gateway.instances import build_instances
from baukasten_core.gateway.leases import Limiter
from baukasten_core.gateway.meter import OnUsage
from baukasten_core.llm_parts import llm_prices, llm_routes
from baukasten_core.plugins import PluginHost
from baukasten_core.settings import Settings

T = TypeVar("T")


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


def build_gateway(
    settings: Settings,
    host: PluginHost,
    database: Database,
    *,
    on_usage: OnUsage | None = None,
    limiter: Limiter | None = None,
) -> Gateway:
    """The LLM gateway that the settings describe, in this process."""
    return Gateway(
        build_instances(host.llm_providers(), settings.llm.instances),
        settings.llm.chain,
        routes=llm_routes(settings),
        retries=settings.llm.retries,
        prices=llm_prices(settings),
        limiter=limiter,
        cache=Answers(database, minutes * 60) if (minutes := settings.llm.cache_minutes) else None,
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
