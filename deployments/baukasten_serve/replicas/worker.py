"""The `worker` application."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from baukasten_core.settings import load_settings
from baukasten_serve.loopback import close_to_loopback


class Worker:
    def __init__(self, settings: Mapping[str, Any]) -> None:
        close_to_loopback()
        self._settings = load_settings(settings)
