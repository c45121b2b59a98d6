"""Where an embedder, a store or a reranker is, decides whether anything is asked before it
gets data; one that does not say where it is, gets none."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from baukasten_core.contracts.provider import Provider, ProviderConfig
from baukasten_core.db.session import Database
from baukasten_core.gateway.residency import LOCAL, UNDECLARED
from baukasten_core.hookspecs import hookimpl
from baukasten_core.parts import (
    blob_guard,
    embedding_guards,
    provider_region,
    reranking_guard,
    search_guard,
    vector_guard,
)
from baukasten_core.plugins import PluginHost
from baukasten_core.settings import EmbeddingSettings, Settings
from baukasten_core.testing.fakes import FakeEmbedder, MemoryBlobStore, MemoryVectorStore

NOWHERE = Database("postgresql://nobody@/nothing")


class EndpointConfig(ProviderConfig):
    endpoint: str = "https://embed.example"


class BucketConfig(ProviderConfig):
    bucket: str = "files"
    region: str | None = None


class SomeReranker:
    name = "some"

    async def rerank(self, query: str, passages: Any) -> list[float]:
        return [0.5 for _ in passages]


def plugin(*, in_process: bool) -> ModuleType:
    """A plugin with providers whose configuration has no address that the core knows of."""
    module = ModuleType("elsewhere")

    @hookimpl
    def register_embedding_providers() -> Any:
        build = lambda _: FakeEmbedder()  # noqa: E731
        return [Provider("far", build, EndpointConfig, in_process=in_process)]

    @hookimpl
    def register_blob_stores() -> Any:
        build = lambda _: MemoryBlobStore()  # noqa: E731
        return [Provider("far", build, BucketConfig, in_process=in_process)]

    @hookimpl
    def register_vector_stores() -> Any:
        return [Provider("far", lambda _: MemoryVectorStore(), in_process=in_process)]

    @hookimpl
    def register_rerankers() -> Any:
        return [Provider("far", lambda _: SomeReranker(), in_process=in_process)]

    for hook in (
        register_embedding_providers,
        register_vector_stores,
        register_blob_stores,
        register_rerankers,
    ):
        setattr(module, hook.__name__, hook)
    return module


FAR: dict[str, Any] = {
    "embedding": {"provider": "far", "options": {"endpoint": "https://embed.example"}},
    "storage": {"vectors": "far", "blobs": "far", "blob_options": {"bucket": "originals"}},
    "retrieval": {"reranker": "far"},
}


def embedding_guard(*given: Any) -> Any:
    return embedding_guards(*given).get("default")


def other_embedding_guard(settings: Settings, *given: Any) -> Any:
    """Of an embedder like the default one, beside it."""
    one = settings.embedding.model_dump(include={"provider", "options"})
    embedding = EmbeddingSettings(more={"other": one})
    return embedding_guards(settings.model_copy(update={"embedding": embedding}), *given).get(
        "other"
    )


GUARDS = (
    *(embedding_guard, other_embedding_guard, vector_guard, blob_guard, reranking_guard),
    search_guard,
)


def host(*plugins: ModuleType) -> PluginHost:
    return PluginHost.discover(disabled=["cv_matcher", "privategpt", "tellmelife"], extra=plugins)


def settings(home: Path, **values: Any) -> Settings:
    return Settings(home=home, **values)


@pytest.mark.parametrize("make", GUARDS)
def test_what_ships_is_on_this_machine_and_needs_no_guard(tmp_path: Path, make: Any) -> None:
    for values in ({}, {"embedding": {"provider": "sentence_transformers"}}):
        assert make(settings(tmp_path, **values), host(), NOWHERE) is None
    relative = settings(Path("here"))
    assert make(relative, host(), NOWHERE) is None


@pytest.mark.parametrize(
    ("section", "make"),
    [
        (
            {
                "embedding": {
                    "provider": "openai_compatible",
                    "options": {"model": "m", "base_url": "https://embed.example/v1"},
                }
            },
            embedding_guard,
        ),
        ({"storage": {"blob_options": {"url": "s3://bucket/files"}}}, blob_guard),
        (
            {"storage": {"blob_options": {"url": "/mnt/files", "region": "us"}}},
            blob_guard,
        ),
    ],
)
def test_what_is_elsewhere_has_one(tmp_path: Path, section: dict[str, Any], make: Any) -> None:
    assert make(settings(tmp_path, **section), host(), NOWHERE) is not None


@pytest.mark.parametrize("make", GUARDS)
def test_a_plugins_provider_that_does_not_say_where_it_works_has_one(
    tmp_path: Path, make: Any
) -> None:
    silent, here = host(plugin(in_process=False)), host(plugin(in_process=True))
    assert make(settings(tmp_path, **FAR), silent, NOWHERE) is not None
    assert make(settings(tmp_path, **FAR), here, NOWHERE) is None


def test_the_region_is_what_is_declared_else_here_else_nobody_knows() -> None:
    silent: Provider[Any] = Provider("p", lambda _: None, BucketConfig)
    here: Provider[Any] = Provider("p", lambda _: None, BucketConfig, in_process=True)
    assert provider_region(silent, {}) == UNDECLARED
    assert provider_region(silent, {"region": "EU"}) == "eu"
    assert provider_region(here, {}) == LOCAL
    assert provider_region(here, {"region": "eu"}) == "eu"
    assert provider_region(here, {"no such option": 1}) == UNDECLARED
    assert provider_region(None, {}) == UNDECLARED
