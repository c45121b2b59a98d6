"""Registers the providers that ship with the core, through the hooks any plugin uses.

Implementations are imported when they are built, so that an unused vendor costs nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from baukasten_core.contracts.provider import Provider
from baukasten_core.hookspecs import hookimpl

if TYPE_CHECKING:
    from baukasten_core.contracts.embedding import EmbeddingProvider
    from baukasten_core.contracts.storage import BlobStore


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
        ),
        Provider(
            "sentence_transformers",
            build=sentence_transformers.build,
            config=sentence_transformers.SentenceTransformersConfig,
            summary="any sentence-transformers model by torch, CPU or GPU",
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
