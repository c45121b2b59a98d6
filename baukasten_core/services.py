"""Everything a process of the platform holds: opened once in `app.open_services`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from baukasten_core.contracts.auth import AuthProvider
from baukasten_core.contracts.embedding import EmbeddingProvider
from baukasten_core.contracts.gateway import LLMGateway
from baukasten_core.contracts.mail import Mailer
from baukasten_core.contracts.speech import SpeechProvider
from baukasten_core.contracts.storage import BlobStore, VectorStore
from baukasten_core.db.remembered import Remembered
from baukasten_core.db.session import Database
from baukasten_core.documents.embedders import Embedders
from baukasten_core.documents.language import LanguageDetector
from baukasten_core.health import HealthMemory
from baukasten_core.plugins import PluginHost
from baukasten_core.settings import Settings

if TYPE_CHECKING:
    from baukasten_core.accounts.tokens import AccessTokens
    from baukasten_core.documents.access import Guard
    from baukasten_core.documents.mover import Mover
    from baukasten_core.documents.search import Searcher
    from baukasten_core.documents.service import Documents
    from baukasten_core.jobs import Jobs

Check = Callable[[], Awaitable[str | None]]
"""A health check: None when all is well, else what is wrong in a sentence.

Raises `ProviderNotConfigured` for what is not there and need not be."""


@dataclass(frozen=True)
class Services:
    """The parts of a running platform, each behind its contract."""

    settings: Settings
    host: PluginHost
    database: Database
    embedders: Embedders
    gateway: LLMGateway
    vectors: VectorStore
    blobs: BlobStore
    mailer: Mailer
    auth: tuple[AuthProvider, ...]
    tokens: AccessTokens
    jobs: Jobs
    searcher: Searcher
    documents: Documents
    mover: Mover
    remembered: Remembered | None = None
    languages: LanguageDetector = field(default_factory=LanguageDetector)
    blob_guard: Guard | None = None
    speech: SpeechProvider | None = None
    speech_guard: Guard | None = None
    checks: Mapping[str, Check] = field(default_factory=dict)
    health: HealthMemory = field(default_factory=HealthMemory)

    @property
    def embedder(self) -> EmbeddingProvider:
        """The default embedder's provider."""
        return self.embedders.default.provider
