"""Registers the providers that ship with the core, through the hooks any plugin uses.

Implementations are imported when they are built, so that an unused vendor costs nothing.
"""

from __future__ import annotations
