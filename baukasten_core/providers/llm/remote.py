"""What providers with an address share: their configuration, their connection, their errors."""

from __future__ import annotations

import asyncio
import importlib
import json
import logging
import os
import sys
from typing import Any

from pydantic import SecretStr

from baukasten_core.contracts.llm import GenerateRequest, RemoteConfig, ToolCall
from baukasten_core.errors import (
    ModelNotFound,
    ProviderError,
    ProviderNotConfigured,
    ProviderRejected,
    ProviderTimeout,
    ProviderUnavailable,
)
from baukasten_core.providers.connection import ConnectionConfig

MESSAGE_LENGTH = 400


class RemoteLLMConfig(ConnectionConfig, RemoteConfig):
    """Base of the shipped providers' configurations."""


def variable(name: str) -> SecretStr | None:
    """A key from the variable that the vendor's own tools read."""
    value = os.environ.get(name)
    return SecretStr(value) if value else None


def secret(value: SecretStr | None) -> str | None:
    return value.get_secret_value() if value is not None else None


async def load(*modules: str) -> None:
    """Import an SDK without stopping the event loop for the second it takes."""
    for name in modules:
        spec = getattr(sys.modules.get(name), "__spec__", None)
        # Present but still being imported, by another request's thread: wait in a thread, too.
        if spec is None or getattr(spec, "_initializing", False):
            await asyncio.to_thread(importlib.import_module, name)


def quiet(*loggers: str) -> None:
    """The SDKs log whole requests at debug level; texts never go into a log."""
    for name in loggers:
        logging.getLogger(name).setLevel(logging.WARNING)


def no_key(name: str, environment: str) -> ProviderNotConfigured:
    """The error for a missing key."""
    return ProviderNotConfigured(
        f"{name} API key not configured",
        hint=f"Set `api_key` of this instance in `llm.instances`, or {environment} in the "
        "environment of the server.",
    )


def from_status(
    name: str, status: int, *, model: str = "", message: str = "", retry_after: str | None = None
) -> ProviderError:
    """The contract's error for a vendor's HTTP status.

    `message` is the vendor's own sentence. It may repeat parts of the request, so it goes to the
    caller in a member of its own and never into `detail`, which is logged.
    """
    extra: dict[str, Any] = {"provider_message": message[:MESSAGE_LENGTH]} if message else {}
    if status == 401:
        return ProviderNotConfigured(f"{name} refused the API key.", **extra)
    if status == 404 and model:
        return ModelNotFound(f"{name} has no model `{model}`.", **extra)
    if status in (408, 504):
        return ProviderTimeout(f"{name} timed out.", **extra)
    if status in (409, 425, 429) or status >= 500:
        wait = _seconds(retry_after)
        return ProviderUnavailable(
            f"{name} is overloaded or failing (HTTP {status}); try again later.",
            retry_after=wait,
            **extra,
        )
    if 300 <= status < 400:
        return ProviderUnavailable(
            f"{name} redirects to another address, which is not followed: set its `base_url`."
        )
    if status == 404:
        return ProviderUnavailable(
            f"{name} does not know this address (HTTP 404): is `base_url` right?"
        )
    return ProviderRejected(f"{name} refused the request (HTTP {status}).", **extra)


def _seconds(header: str | None) -> int:
    try:
        return max(1, min(3600, round(float(header or 5))))
    except ValueError:
        return 5


def unreachable(name: str, url: str) -> ProviderUnavailable:
    return ProviderUnavailable(
        f"{name} does not answer at {url}.", hint="Is it running, and is its `base_url` right?"
    )


def timed_out(name: str) -> ProviderTimeout:
    return ProviderTimeout(f"{name} did not answer in time.")


def function_tools(request: GenerateRequest) -> list[dict[str, Any]]:
    """The request's tools as OpenAI's and Ollama's formats write them."""
    return [
        {
            "type": "function",
            "function": {
                "name": tool.name,
                "description": tool.description,
                "parameters": dict(tool.parameters),
            },
        }
        for tool in request.tools
    ]


def arguments_of(call: ToolCall) -> Any:
    """A tool call's arguments, read from their JSON."""
    try:
        return json.loads(call.arguments or "{}")
    except ValueError:
        raise ProviderRejected(
            f"The arguments of the tool call `{call.id}` are not JSON."
        ) from None
