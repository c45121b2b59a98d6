"""Keeps the one port that Ray Serve opens on every interface whatever it is told.

Each replica has a gRPC server for calls by handle, bound to `[::]` in code. Ray's token protects
it; where all of Ray is on this machine it need not be reachable at all.
"""

from __future__ import annotations

import importlib
import logging
import os
from typing import Any

from baukasten_serve.environment import LOOPBACK_ONLY

logger = logging.getLogger(__name__)

ANYWHERE = "[::]:"


def close_to_loopback() -> None:
    """Called while a replica is built, which is before Serve binds its server."""
    if not os.environ.get(LOOPBACK_ONLY):
        return
    replica: Any = importlib.import_module("ray.serve._private.replica")
    bind = getattr(replica, "add_port_to_grpc_server", None)
    if bind is None:
        # The test that lists every listening socket fails then; the token still protects it.
        logger.warning("this version of Ray Serve binds its replicas' ports in another way")
        return
    if getattr(bind, "closed", False):
        return

    def on_loopback(server: Any, address: str) -> int:
        port: int = bind(server, address.replace(ANYWHERE, "127.0.0.1:", 1))
        return port

    on_loopback.closed = True  # type: ignore[attr-defined]
    replica.add_port_to_grpc_server = on_loopback
