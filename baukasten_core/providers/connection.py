"""Connections of providers to servers: they go where the settings say, and nowhere else."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

from pydantic import Field

from baukasten_core.contracts.provider import ProviderConfig


class ConnectionConfig(ProviderConfig):
    """How a server is reached."""

    base_url: str = Field(
        pattern=r"^https?://", description="Where the server listens, with http:// or https://."
    )
    proxy: str | None = Field(
        None,
        description="A proxy to reach it by. The environment's proxy variables are not read, so "
        "that where data goes stands in the settings alone.",
    )
    ca_file: Path | None = Field(
        None, description="Certificates to trust for https, where the server has its own authority."
    )
    connect_timeout: float = Field(5.0, gt=0, description="Seconds to wait for a connection.")


def client_options(config: ConnectionConfig) -> dict[str, Any]:
    """Arguments of an httpx client that goes exactly where the configuration says: it follows no
    redirect (the body would go with it) and reads no proxy from the environment."""
    options: dict[str, Any] = {"trust_env": False, "follow_redirects": False}
    if config.proxy:
        options["proxy"] = config.proxy
    if config.ca_file:
        options["verify"] = ssl.create_default_context(cafile=str(config.ca_file))
    return options
