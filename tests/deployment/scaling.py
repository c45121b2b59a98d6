"""What tests of replicas that come and go share."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from baukasten_serve.config import default_path


def until(condition: Callable[[], object], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.2)


def quickly_scaling(
    path: Path,
    application: str,
    *,
    ongoing: int,
    num_cpus: float,
    settings: dict[str, Any] | None = None,
) -> Path:
    """The configuration that ships, with an application that takes a second replica at once, and
    gives it back soon; `ongoing` requests are enough for one, two fit beside all else."""
    document = yaml.safe_load(default_path().read_text())
    (found,) = [each for each in document["applications"] if each["name"] == application]
    deployment = found["deployments"][0]
    deployment["ray_actor_options"] = {"num_cpus": num_cpus}
    deployment["autoscaling_config"] = {
        "min_replicas": 1,
        "max_replicas": 2,
        "target_ongoing_requests": ongoing,
        "upscale_delay_s": 1,
        "downscale_delay_s": 3,
        "look_back_period_s": 2,
        "metrics_interval_s": 1,
    }
    document["applications"][0]["args"]["settings"].update(settings or {})
    path.write_text(yaml.safe_dump(document))
    return path
