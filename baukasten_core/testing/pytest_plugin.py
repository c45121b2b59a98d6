"""The pytest plugin that comes with the core: fixtures for plugin authors and for ourselves.

Everything is imported when a test asks for it, so that an unused fixture costs nothing.
"""

from __future__ import annotations

from baukasten_core.testing.fixtures_app import (
    admin,
    app,
    app_settings,
    client,
    other_user,
    outbox,
    run_jobs,
    served,
    services,
    user,
)
from baukasten_core.testing.fixtures_db import (
    database,
    database_urls,
    databases,
    postgres,
    stranger,
    tenant,
)
from baukasten_core.testing.fixtures_llm import (
    anthropic_emulator,
    ollama_emulator,
    openai_emulator,
    xai_emulator,
)

__all__ = [
    "admin",
    "anthropic_emulator",
    "app",
    "app_settings",
    "client",
    "database",
    "database_urls",
    "databases",
    "ollama_emulator",
    "openai_emulator",
    "other_user",
    "outbox",
    "postgres",
    "run_jobs",
    "served",
    "services",
    "stranger",
    "tenant",
    "user",
    "xai_emulator",
]
