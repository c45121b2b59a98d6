"""The pytest plugin that comes with the core: fixtures for plugin authors and for ourselves.

Everything is imported when a test asks for it, so that an unused fixture costs nothing.
"""

from __future__ import annotations

from baukasten_core.testing.fixtures_db import (
    database,
    database_urls,
    databases,
    postgres,
    stranger,
    tenant,
)

__all__ = ["database", "database_urls", "databases", "postgres", "stranger", "tenant"]
