"""The process that starts Ray on this machine, deploys the applications, and ends.

`baukasten up` runs it as a child, so that the process that stays never imports Ray. They talk in
lines of JSON: in comes the environment, then the word to deploy; out goes progress.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from baukasten_core.errors import BaukastenError, StartupRefused
from baukasten_serve.config import check_schema, read_config

OBJECT_STORE_BYTES = 100 * 1024 * 1024
"""Shared memory for objects between processes; ours pass through sockets, so little is enough."""

MINIMUM_CPUS = 2
"""Shares that Ray hands out; on one core four applications still have to find a place."""

DEPLOY_SECONDS = 120

Say = Callable[..., None]
"""Says an event by name, with its details."""

VITAL = "api"


def main() -> None:
    """Follow the orders on standard input; say on standard output what happens."""
    # Whatever Ray prints goes to the log, so that the conversation stays clean.
    talk = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)

    def say(event: str, **details: Any) -> None:
        talk.write(json.dumps({"event": event, **details}) + "\n")

    try:
        _launch(say)
    except BaukastenError as error:
        say("failed", detail=error.detail, hint=error.hint)
    except Exception as error:
        # The parent shows it: a start that fails must say why.
        say("failed", detail=f"{type(error).__name__}: {error}", hint=None)
        raise


def _launch(say: Say) -> None:
    order = _next_order()
    os.environ.update(order["environment"])
    config = read_config(Path(order["config"]))
    check_schema(config)
    document = _on_this_machine(config.document, order)
    _start_ray(order, say)
    with ThreadPoolExecutor(1) as background:
        # Serve waits for other processes here: time to import and build ours.
        serving = background.submit(_start_serve, document)
        deploy = _prepared(document)
        serving.result()
    say("serve")
    _next_order()
    deploy()
    _wait([application["name"] for application in document["applications"]], say)


def _prepared(document: Mapping[str, Any]) -> Callable[[], None]:
    from baukasten_serve.deploy import prepare

    return prepare(document)


def _next_order() -> dict[str, Any]:
    line = sys.stdin.readline()
    if not line:
        raise StartupRefused("`baukasten up` is gone")
    order: dict[str, Any] = json.loads(line)
    return order


def _start_ray(order: Mapping[str, Any], say: Say) -> None:
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
        metrics_export_port=order["metrics_port"],
        object_store_memory=OBJECT_STORE_BYTES,
        temp_dir=order["ray_folder"],
        no_monitor=True,
        include_log_monitor=False,  # type: ignore[arg-type]
    )
    node = QuietNode(parameters, head=True, shutdown_at_exit=False, spawn_reaper=False)
    say("ray", address=node.gcs_address)
    ray.init(address=node.gcs_address, namespace="serve", log_to_driver=False)


def _start_serve(document: Mapping[str, Any]) -> None:
    from ray import serve

    serve.start(
        http_options=document["http_options"],
        proxy_location=document["proxy_location"],
        logging_config=document.get("logging_config"),
    )


def _on_this_machine(document: Mapping[str, Any], order: Mapping[str, Any]) -> dict[str, Any]:
    # Loopback also where the HTTP port is open to others: replicas listen where this says, and
    # only HAProxy's own bind is moved (`haproxy.rewrite`).
    address = {"host": "127.0.0.1", "port": order["port"]}
    options = {**document.get("http_options", {}), **address}
    return {**document, "http_options": options, "proxy_location": "HeadOnly"}


def _wait(names: Sequence[str], say: Say) -> None:
    from ray import serve

    settled: set[str] = set()
    deadline = time.monotonic() + DEPLOY_SECONDS
    while len(settled) < len(names):
        applications = serve.status().applications
        for name in names:
            state = applications.get(name)
            if state is None or name in settled:
                continue
            if state.status == "RUNNING":
                settled.add(name)
                say("running", application=name)
            elif state.status in ("DEPLOY_FAILED", "UNHEALTHY"):
                settled.add(name)
                _failed(name, _reason(state), say)
        if time.monotonic() > deadline:
            for name in names:
                if name not in settled:
                    late = f"it does not run after {DEPLOY_SECONDS} s"
                    _failed(name, f"{late}. {_reason(applications.get(name))}", say)
            break
        time.sleep(0.1)
    say("deployed")


def _failed(name: str, reason: str, say: Say) -> None:
    """Without `api` there is no platform; without another one it is degraded."""
    if name == VITAL:
        raise StartupRefused(f"application `{name}` did not start: {reason}")
    say("degraded", application=name, reason=reason)


def _reason(state: Any) -> str:
    if state is None:
        return "Serve does not know it."
    messages = [state.message, *(part.message for part in state.deployments.values())]
    return " ".join(message.strip() for message in messages if message)


if __name__ == "__main__":
    main()
