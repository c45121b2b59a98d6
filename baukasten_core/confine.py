"""What a process may do before it is handed a stranger's file: little, and less if Linux helps.

Limits on memory, time, files and output always hold. Cutting off the network and the file
system needs namespaces and Landlock; where the kernel or a container refuses them, the rest
still holds.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import sys
from collections.abc import Iterable

CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS = 1, 38
LANDLOCK_CREATE, LANDLOCK_ADD, LANDLOCK_RESTRICT = 444, 445, 446
LANDLOCK_ASK_VERSION = 1
LANDLOCK_READ_FILE = (1 << 0) | (1 << 2)  # execute, read
LANDLOCK_READ_FOLDER = LANDLOCK_READ_FILE | (1 << 3)  # list
LANDLOCK_PATH_BENEATH = 1


class _Rules(ctypes.Structure):
    """What is forbidden unless a rule allows it: a bit for each right the kernel knows."""

    _fields_ = (("files", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64))

    @classmethod
    def of(cls, version: int) -> tuple[_Rules, int]:
        """Everything this version of Landlock can forbid, and the size it expects."""
        rights = 13 + (version >= 2) + (version >= 3) + (version >= 5)
        connect_and_bind = 0b11 if version >= 4 else 0
        signals_and_abstract_sockets = 0b11 if version >= 6 else 0
        size = 24 if version >= 6 else 16 if version >= 4 else 8
        return cls((1 << rights) - 1, connect_and_bind, signals_and_abstract_sockets), size


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed_access", ctypes.c_uint64), ("parent_fd", ctypes.c_int32))


def without_network() -> bool:
    """Move this process (it must have one thread) to an empty network namespace."""
    if sys.platform != "linux":
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    return any(libc.unshare(flags) == 0 for flags in (CLONE_NEWNET, CLONE_NEWUSER | CLONE_NEWNET))


def read_only(paths: Iterable[str]) -> bool:
    """From here on this process and its children may read beneath `paths`, and nothing else.

    Newer kernels also keep them from TCP and from sending signals to others.
    """
    if sys.platform != "linux":
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    version = libc.syscall(LANDLOCK_CREATE, None, 0, LANDLOCK_ASK_VERSION)
    if version < 1:
        return False
    handled, size = _Rules.of(version)
    rules = libc.syscall(LANDLOCK_CREATE, ctypes.byref(handled), size, 0)
    if rules < 0:
        return False
    try:
        for path in paths:
            _allow(libc, rules, path)
        if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
            return False
        return bool(libc.syscall(LANDLOCK_RESTRICT, rules, 0) == 0)
    finally:
        os.close(rules)


def _allow(libc: ctypes.CDLL, rules: int, path: str) -> None:
    with contextlib.suppress(OSError):
        parent = os.open(path, os.O_PATH | os.O_CLOEXEC)
        try:
            right = LANDLOCK_READ_FOLDER if os.path.isdir(path) else LANDLOCK_READ_FILE
            rule = _PathBeneath(right, parent)
            libc.syscall(LANDLOCK_ADD, rules, LANDLOCK_PATH_BENEATH, ctypes.byref(rule), 0)
        finally:
            os.close(parent)


def limit(*, address_space: int, file_bytes: int, seconds: float) -> None:
    """Bound this process: address space, CPU time, size of files, open files, core dumps."""
    _set(resource.RLIMIT_AS, address_space)
    _set(resource.RLIMIT_CPU, int(seconds * (os.cpu_count() or 1)) + 2)
    _set(resource.RLIMIT_FSIZE, file_bytes)
    _set(resource.RLIMIT_CORE, 0)
    _set(resource.RLIMIT_NOFILE, 64)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)


def die_with_parent() -> None:
    """Be killed when the process that forked this one ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def go_first() -> None:
    """When the machine's memory runs out, this process and its children go first."""
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write("1000")


def _set(what: int, value: int) -> None:
    hard = resource.getrlimit(what)[1]
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(what, (value, value))


def address_space() -> int:
    """What this process has now, bytes."""
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[0]) * resource.getpagesize()
    except OSError:  # no /proc: count from a generous start
        return 512 * 1024 * 1024
