"""The `api` application."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI

from baukasten_core.settings import load_settings
from baukasten_serve.loopback import close_to_loopback


class Api:
    def __init__(self, settings: Mapping[str, Any]) -> None:
        close_to_loopback()
        self._settings = load_settings(settings)

    def __serve_build_asgi_app__(self) -> FastAPI:
        app = FastAPI()

        @app.get("/{path:path}")
        def anything(path: str) -> dict[str, str]:
            return {"app": "api", "path": path}

        return app
