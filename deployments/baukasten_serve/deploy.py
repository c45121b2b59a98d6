"""Hands the applications of `serve_config.yaml` to Serve.

Given a configuration file, Serve starts a process for each application only to import and build
it: four times the imports, on a machine that is busy starting. So where it can be done exactly,
they are built here, in the process that has everything imported anyway; everything else goes to
Serve as it stands, as `serve deploy` would send it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from ray import serve
from ray.serve.context import _get_global_client
from ray.serve.schema import ServeDeploySchema

KEYS = frozenset({"name", "route_prefix", "import_path", "args", "deployments"})
OPTIONS = frozenset(inspect.signature(serve.Deployment.options).parameters) - {"self"}

Document = Mapping[str, Any]


def prepare(document: Document) -> Callable[[], None]:
    """Build what can be built before Serve is up; the result deploys it."""
    applications = document["applications"]
    if not all(_is_plain(application) for application in applications):
        return lambda: _send(document)
    logging = dict(document.get("logging_config") or {})
    targets = [_target(application, logging) for application in applications]
    return lambda: _run(targets)


def _is_plain(application: Document) -> bool:
    """Whether it has one deployment and only options that can be set on that."""
    deployments = application.get("deployments", ())
    return (
        KEYS.issuperset(application)
        and application["import_path"].startswith("baukasten_serve.applications:")
        and len(deployments) <= 1
        and all(OPTIONS.issuperset(deployment) for deployment in deployments)
    )


def _target(application: Document, logging: dict[str, Any]) -> serve.RunTarget:
    module, _, name = application["import_path"].partition(":")
    bound: serve.Application = getattr(import_module(module), name)(application.get("args") or {})
    for options in application.get("deployments", ()):
        bound._bound_deployment = bound._bound_deployment.options(**options)
    route = application.get("route_prefix", "/")
    # Serve hands down what the file says for all only where it deploys the file itself; without
    # it, replicas would write an access log.
    return serve.RunTarget(
        target=bound, name=application["name"], route_prefix=route, logging_config=logging
    )


def _run(targets: list[serve.RunTarget]) -> None:
    serve.run_many(
        targets,
        wait_for_ingress_deployment_creation=False,
        wait_for_applications_running=False,
    )


def _send(document: Document) -> None:
    client = _get_global_client()
    assert client is not None  # Serve has been started
    client.deploy_apps(ServeDeploySchema.model_validate(document))
