"""How many cores this process may use."""

from __future__ import annotations

import os
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
OWN_CGROUP = Path("/proc/self/cgroup")


def usable_cores() -> int:
    """The cores this process may run on, or fewer where its container has a smaller quota.

    OMP_NUM_THREADS is not asked: Ray sets it to an actor's `num_cpus`, a share by which replicas
    are placed.
    """
    cores = len(os.sched_getaffinity(0))
    try:
        (own,) = (line for line in OWN_CGROUP.read_text().splitlines() if line.startswith("0::"))
        folder = CGROUPS / own.removeprefix("0::").strip("/")
        quota, period = (folder / "cpu.max").read_text().split()
        return max(1, min(cores, int(quota) // int(period)))
    except (OSError, ValueError):  # no quota: there is no such file, or it says `max`
        return cores
