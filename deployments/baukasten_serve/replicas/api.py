"""The application `api`: the core's routes and every showcase's."""

from __future__ import annotations

from fastapi import FastAPI

from baukasten_core.app import create_app
from baukasten_serve.handles import GatewayHandle, application_check
from baukasten_serve.replicas.base import Replica

OTHERS = ("gateway", "embedder", "worker")


class Api(Replica):
    """The same `create_app` that runs in one process, with handles passed in."""

    def __serve_build_asgi_app__(self) -> FastAPI:
        return create_app(
            self.settings,
            self.host,
            **self.embedder_handles(),
            gateway=GatewayHandle(),
            checks={f"application:{name}": application_check(name) for name in OTHERS},
        )
