"""What `import_path` in `serve_config.yaml` names: one builder an application.

A builder gets the application's `args` and returns a bound deployment; Serve then applies the
file's own options (replicas, autoscaling, resources) to it. The replicas' modules are imported
where they are needed only, so that building costs nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ray import serve

from baukasten_core.errors import SettingsError
from baukasten_core.settings import load_settings
from baukasten_serve.config import ARGUMENTS

Arguments = dict[str, Any]


def api(arguments: Arguments) -> serve.Application:
    """Everything but the model paths: routes of the core, the showcases, their pages."""
    from baukasten_serve.replicas.api import Api

    return _bind("api", serve.ingress()(Api), arguments)


def gateway(arguments: Arguments) -> serve.Application:
    """The LLM gateway, as `/v1` and by handle."""
    from baukasten_serve.replicas.gateway import Gateway

    return _bind("gateway", serve.ingress()(Gateway), arguments)


def embedder(arguments: Arguments) -> serve.Application:
    """The embedding model, as `/v1/embeddings` and by handle."""
    from baukasten_serve.replicas.embedder import Embedder

    return _bind("embedder", serve.ingress()(Embedder), arguments)


def worker(arguments: Arguments) -> serve.Application:
    """Durable jobs; it answers nobody."""
    from baukasten_serve.replicas.worker import Worker

    return _bind("worker", Worker, arguments)


def _bind(name: str, replica: type, arguments: Arguments) -> serve.Application:
    bound: serve.Application = serve.deployment(name=name)(replica).bind(_settings(arguments))
    return bound


def _settings(arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    """The settings as written, checked here so that a mistake stops the deployment."""
    if unknown := set(arguments) - ARGUMENTS:
        raise SettingsError(
            f"unknown argument `{sorted(unknown)[0]}`; known: {', '.join(sorted(ARGUMENTS))}"
        )
    settings: Mapping[str, Any] = arguments.get("settings") or {}
    load_settings(settings)
    return settings
