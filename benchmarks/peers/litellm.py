"""LiteLLM's proxy (BerriAI/litellm) with one worker and a master key, as its manual has it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

from baukasten_serve.testing import free_port

from benchmarks.peers.environments import HERE, environment
from benchmarks.peers.servers import running

KEY = "sk-benchmark"
QUIET = {
    "LITELLM_LOG": "ERROR",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LITELLM_TELEMETRY": "False",
    "DO_NOT_TRACK": "1",
}


@contextmanager
def litellm(upstream: str, models: tuple[str, ...]) -> Iterator[tuple[str, dict[str, str], int]]:
    """A running proxy before an OpenAI-compatible server: address, headers, process."""
    python, port = environment("litellm"), free_port()
    config = HERE / ".litellm.yaml"
    served = [
        {
            "model_name": model,
            "litellm_params": {
                "model": f"openai/{model}",
                "api_base": upstream,
                "api_key": "none",
            },
        }
        for model in models
    ]
    # JSON is YAML.
    config.write_text(json.dumps({"model_list": served, "general_settings": {"master_key": KEY}}))
    command = [str(python.with_name("litellm")), "--config", str(config), "--num_workers", "1"]
    command += ["--host", "127.0.0.1", "--port", str(port)]
    url, log = f"http://127.0.0.1:{port}", HERE / ".litellm.log"
    with running(command, f"{url}/health/liveliness", log, cwd=HERE, environment=QUIET) as process:
        yield f"{url}/v1", {"Authorization": f"Bearer {KEY}"}, process.pid
