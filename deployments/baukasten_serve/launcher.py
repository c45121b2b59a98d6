"""The process that starts Ray on this machine, deploys the applications, and ends.

`baukasten up` runs it as a child, so that the process that stays never imports Ray. They talk in
lines of JSON: in comes the environment, then the word to deploy; out goes progress.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from baukasten_core.errors import BaukastenError, StartupRefused
from baukasten_serve.config import check_schema, read_config

OBJECT_STORE_BYTES = 100 * 1024 * 1024
"""Shared memory for objects between processes; ours pass through sockets, so little is enough."""

MINIMUM_CPUS = 2
"""Shares that Ray hands out; on one core four applications still have to find a place."""

DEPLOY_SECONDS = 120


def main() -> None:
    """Follow the orders on standard input; say on standard output what happens."""
    # Whatever Ray prints goes to the log, so that the conversation stays clean.
    talk = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)

    def say(event: str, **details: Any) -> None:
        talk.write(json.dumps({"event": event, **details}) + "\n")

    try:
        order = _next_order()
        os.environ.update(order["environment"])
        config = read_config(Path(order["config"]))
        check_schema(config)
        document = _on_this_machine(config.document, order)
        _start(order, document["http_options"], say)
        _next_order()
        _deploy(document, say)
    except BaukastenError as error:
        say("failed", detail=error.detail, hint=error.hint)
    except Exception as error:
        # The parent shows it: a start that fails must say why.
        say("failed", detail=f"{type(error).__name__}: {error}", hint=None)
        raise


def _next_order() -> dict[str, Any]:
    line = sys.stdin.readline()
    if not line:
        raise StartupRefused("`baukasten up` is gone")
    order: dict[str, Any] = json.loads(line)
    return order


def _start(order: Mapping[str, Any], http_options: Mapping[str, Any], say: Any) -> None:
    # Imported now: Ray reads its environment when it is imported.
    import ray
    from ray._private.authentication.authentication_token_setup import ensure_token_if_auth_enabled
    from ray._private.node import Node
    from ray._private.parameter import RayParams

    class QuietNode(Node):
        """A head node without dashboard: it would only listen and take 75 MB."""

        def start_api_server(self, **_: Any) -> None:
            self._webui_url = None

    ensure_token_if_auth_enabled({}, create_token_if_missing=False)
    parameters = RayParams(
        num_cpus=max(MINIMUM_CPUS, os.cpu_count() or 1),
        include_dashboard=False,
        dashboard_agent_listen_port=order["agent_port"],
        object_store_memory=OBJECT_STORE_BYTES,
        temp_dir=order["ray_folder"],
        no_monitor=True,
        include_log_monitor=False,  # type: ignore[arg-type]
    )
    node = QuietNode(parameters, head=True, shutdown_at_exit=False, spawn_reaper=False)
    say("ray", address=node.gcs_address)
    ray.init(address=node.gcs_address, namespace="serve", log_to_driver=False)
    from ray import serve

    serve.start(http_options=dict(http_options), proxy_location="HeadOnly")
    say("serve")


def _on_this_machine(document: Mapping[str, Any], order: Mapping[str, Any]) -> dict[str, Any]:
    # Loopback also where the HTTP port is open to others: replicas listen where this says, and
    # only HAProxy's own bind is moved (`haproxy.rewrite`).
    address = {"host": "127.0.0.1", "port": order["port"]}
    options = {**document.get("http_options", {}), **address}
    return {**document, "http_options": options, "proxy_location": "HeadOnly"}


def _deploy(document: Mapping[str, Any], say: Any) -> None:
    from ray import serve
    from ray.serve.context import _get_global_client
    from ray.serve.schema import ServeDeploySchema

    client = _get_global_client()
    assert client is not None  # `_start` has started it
    client.deploy_apps(ServeDeploySchema.model_validate(document))
    names = [application["name"] for application in document["applications"]]
    running: set[str] = set()
    deadline = time.monotonic() + DEPLOY_SECONDS
    while len(running) < len(names):
        applications = serve.status().applications
        for name in names:
            state = applications.get(name)
            if state is None or name in running:
                continue
            if state.status == "RUNNING":
                running.add(name)
                say("running", application=name)
            elif state.status in ("DEPLOY_FAILED", "UNHEALTHY"):
                raise StartupRefused(f"application `{name}` did not start: {_reason(state)}")
        if time.monotonic() > deadline:
            late = ", ".join(name for name in names if name not in running)
            raise StartupRefused(f"not running after {DEPLOY_SECONDS} s: {late}")
        time.sleep(0.1)
    say("deployed")


def _reason(state: Any) -> str:
    messages = [state.message, *(part.message for part in state.deployments.values())]
    return " ".join(message.strip() for message in messages if message)


if __name__ == "__main__":
    main()
