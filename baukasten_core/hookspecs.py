"""Every hook a plugin can implement: read top to bottom, this is the table of contents.

A hook only registers: it returns what the plugin brings, and does nothing else. All of them are
called once a process, right after the plugin is loaded, with no arguments; a list (also an empty
one) is returned where several things can be registered. An error raised by a hook quarantines
its plugin, and the rest goes on.

    from baukasten_core.api import Provider, hookimpl

    @hookimpl
    def register_llm_providers():
        return [Provider("echo", build=Echo)]
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from baukasten_core.contracts.auth import AuthProvider
    from baukasten_core.contracts.commands import Command
    from baukasten_core.contracts.embedding import EmbeddingProvider
    from baukasten_core.contracts.llm import LLMProvider
    from baukasten_core.contracts.mail import Mailer
    from baukasten_core.contracts.provider import Provider
    from baukasten_core.contracts.reranking import Reranker
    from baukasten_core.contracts.showcase import Showcase
    from baukasten_core.contracts.speech import SpeechProvider
    from baukasten_core.contracts.storage import BlobStore, VectorStore

PROJECT = "baukasten"
"""pluggy's project name, and the entry-point group plugins are found in."""

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def register_showcase() -> Showcase:  # type: ignore[empty-body]
    """The showcase this plugin is: its routes, tables, data map, options, jobs and pages."""


@hookspec
def register_llm_providers() -> Sequence[Provider[LLMProvider]]:  # type: ignore[empty-body]
    """Vendors of language models, for `llm.instances` in the settings."""


@hookspec
def register_embedding_providers() -> Sequence[Provider[EmbeddingProvider]]:  # type: ignore[empty-body]
    """Engines that embed text, for `embedding.provider` in the settings."""


@hookspec
def register_rerankers() -> Sequence[Provider[Reranker]]:  # type: ignore[empty-body]
    """Rerankers, for `retrieval.reranker` in the settings; none is used by default."""


@hookspec
def register_speech_providers() -> Sequence[Provider[SpeechProvider]]:  # type: ignore[empty-body]
    """Engines that transcribe recordings, for `speech.provider` in the settings."""


@hookspec
def register_auth_providers() -> Sequence[Provider[AuthProvider]]:  # type: ignore[empty-body]
    """Ways to prove who one is; each is asked in turn, in the order of `auth.providers`."""


@hookspec
def register_vector_stores() -> Sequence[Provider[VectorStore]]:  # type: ignore[empty-body]
    """Homes for vectors, for `storage.vectors` in the settings."""


@hookspec
def register_blob_stores() -> Sequence[Provider[BlobStore]]:  # type: ignore[empty-body]
    """Homes for original files, for `storage.blobs` in the settings."""


@hookspec
def register_mailers() -> Sequence[Provider[Mailer]]:  # type: ignore[empty-body]
    """Ways to send mail, for `mail.provider` in the settings."""


@hookspec
def register_commands() -> Sequence[Command]:  # type: ignore[empty-body]
    """Commands for the `baukasten` CLI, as import paths: nothing is imported until one runs."""
