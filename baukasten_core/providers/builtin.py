"""Registers the providers that ship with the core, through the hooks any plugin uses.

Implementations are imported when they are built, so that an unused vendor costs nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from baukasten_core.contracts.provider import Provider
from baukasten_core.hookspecs import hookimpl

if TYPE_CHECKING:
    from baukasten_core.contracts.auth import AuthProvider
    from baukasten_core.contracts.embedding import EmbeddingProvider
    from baukasten_core.contracts.llm import LLMProvider
    from baukasten_core.contracts.mail import Mailer
    from baukasten_core.contracts.reranking import Reranker
    from baukasten_core.contracts.storage import BlobStore, VectorStore


@hookimpl
def register_embedding_providers() -> Sequence[Provider[EmbeddingProvider]]:
    from baukasten_core.providers.embedding import (
        ollama,
        openai_compatible,
        openvino,
        sentence_transformers,
    )

    return [
        Provider(
            "openvino",
            build=openvino.build,
            config=openvino.OpenVinoConfig,
            summary="all-MiniLM-L6-v2 and its like on a CPU; the default",
            in_process=True,
        ),
        Provider(
            "sentence_transformers",
            build=sentence_transformers.build,
            config=sentence_transformers.SentenceTransformersConfig,
            summary="any sentence-transformers model by torch, CPU or GPU",
            in_process=True,
        ),
        Provider(
            "ollama",
            build=ollama.build,
            config=ollama.OllamaEmbeddingConfig,
            summary="embedding models on an Ollama server",
        ),
        Provider(
            "openai_compatible",
            build=openai_compatible.build,
            config=openai_compatible.OpenAICompatibleEmbeddingConfig,
            summary="servers that speak OpenAI's /v1/embeddings",
        ),
    ]


@hookimpl
def register_rerankers() -> Sequence[Provider[Reranker]]:
    from baukasten_core.providers.reranking import cross_encoder

    return [
        Provider(
            "cross_encoder",
            build=cross_encoder.build,
            config=cross_encoder.CrossEncoderConfig,
            summary="any cross-encoder by torch, CPU or GPU",
            in_process=True,
        )
    ]


@hookimpl
def register_vector_stores() -> Sequence[Provider[VectorStore]]:
    from baukasten_core.providers.storage import pgvector_store

    return [
        Provider(
            "pgvector",
            build=pgvector_store.PgVectorStore,
            config=pgvector_store.PgVectorConfig,
            summary="vectors in PostgreSQL, under row-level security; the default",
            in_process=True,
        )
    ]


@hookimpl
def register_blob_stores() -> Sequence[Provider[BlobStore]]:
    from baukasten_core.providers.storage import fsspec_blobs

    return [
        Provider(
            "fsspec",
            build=fsspec_blobs.FsspecBlobStore,
            config=fsspec_blobs.FsspecConfig,
            summary="files in a folder, or wherever fsspec reaches (S3, ...); the default",
        )
    ]


@hookimpl
def register_auth_providers() -> Sequence[Provider[AuthProvider]]:
    from baukasten_core.providers.auth import api_key, oidc, password

    return [
        Provider(
            "password",
            build=password.build,
            config=password.PasswordConfig,
            summary="address and password of the platform's own accounts",
        ),
        Provider(
            "api_key",
            build=api_key.build,
            config=api_key.ApiKeyConfig,
            summary="keys that people make for programs",
        ),
        Provider(
            "oidc",
            build=oidc.build,
            config=oidc.OidcConfig,
            summary="OpenID Connect providers, as `auth.oidc` lists them",
        ),
    ]


@hookimpl
def register_mailers() -> Sequence[Provider[Mailer]]:
    from baukasten_core.providers.mail import console, smtp

    return [
        Provider(
            "console",
            build=console.build,
            config=console.ConsoleConfig,
            summary="prints mail where the platform runs, for development; the default",
        ),
        Provider(
            "smtp", build=smtp.build, config=smtp.SmtpConfig, summary="mail through an SMTP server"
        ),
    ]


@hookimpl
def register_llm_providers() -> Sequence[Provider[LLMProvider]]:
    from baukasten_core.providers.llm import (
        anthropic,
        extractive,
        grok,
        ollama,
        openai_compatible,
    )

    return [
        Provider(
            "ollama",
            build=ollama.build,
            config=ollama.OllamaConfig,
            summary="models on an Ollama server",
        ),
        Provider(
            "anthropic",
            build=anthropic.build,
            config=anthropic.AnthropicConfig,
            summary="Claude, by Anthropic's API",
        ),
        Provider("grok", build=grok.build, config=grok.GrokConfig, summary="Grok, by xAI's API"),
        Provider(
            "openai_compatible",
            build=openai_compatible.build,
            config=openai_compatible.OpenAICompatibleConfig,
            summary="servers that speak OpenAI's protocol: vLLM, llama.cpp, LM Studio, ...",
        ),
        Provider(
            "extractive",
            build=extractive.build,
            config=extractive.ExtractiveConfig,
            summary="no model: quotes the sources' most relevant sentences",
        ),
    ]
