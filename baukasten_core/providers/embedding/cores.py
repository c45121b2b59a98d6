"""What the processor gives: the cores this process may use, and what they can do."""

from __future__ import annotations

import os
from pathlib import Path

NATIVE_BF16 = frozenset({"avx512_bf16", "amx_bf16", "avx_ne_convert", "bf16"})
"""CPU flags; without one of them bfloat16 is emulated, which is slower than float32."""

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


def has_bf16() -> bool:
    """Whether the processor multiplies bfloat16 natively."""
    try:
        lines = Path("/proc/cpuinfo").read_text().lower().splitlines()
    except OSError:
        return False
    flags = (line.split(":", 1)[1].split() for line in lines if line.startswith(("flags", "feat")))
    return any(not NATIVE_BF16.isdisjoint(own) for own in flags)
