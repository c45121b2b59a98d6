"""Our own processes: found without ever trusting a name, and ended for certain."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import time
from collections.abc import Iterable

import psutil

from baukasten_serve.environment import RUN_ID
from baukasten_serve.runtime import ProcessId, Record

PR_SET_CHILD_SUBREAPER = 36


def adopt_orphans() -> None:
    """On Linux: what our children leave behind becomes our child, not init's."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def reap() -> None:
    """Collect adopted children that have ended."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def describe(process: psutil.Process) -> ProcessId:
    """The process with its start time and a readable name."""
    with process.oneshot():
        words = process.cmdline()
        # Ray's workers put their role in the title; others have a program and arguments.
        title = words[0] if words and words[0].startswith("ray::") else process.name()
        return ProcessId(process.pid, process.create_time(), title.strip())


def family(parent: int | None = None) -> list[psutil.Process]:
    """Every living descendant, ours by default."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return [p for p in psutil.Process(parent).children(recursive=True) if is_alive(p)]
    return []


def snapshot(parent: int | None = None) -> tuple[ProcessId, ...]:
    """Every descendant, as the record keeps it; ours by default."""
    found = []
    for process in family(parent):
        with contextlib.suppress(psutil.Error):
            found.append(describe(process))
    return tuple(found)


def is_alive(process: psutil.Process) -> bool:
    """Whether it runs; one that only waits to be collected does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def find(identity: ProcessId) -> psutil.Process | None:
    """That very process, None when it is gone or its number belongs to another now."""
    try:
        process = psutil.Process(identity.pid)
        same = abs(process.create_time() - identity.created) < 1
    except psutil.Error:
        return None
    return process if same and is_alive(process) else None


def left_behind(record: Record) -> list[psutil.Process]:
    """What still runs of a platform whose `up` was killed.

    Two ways, because each alone misses some: the recorded processes and their descendants, and
    whoever inherited the run's id (PostgreSQL and Ray's workers overwrite their environment).
    """
    found: dict[int, psutil.Process] = {}
    for identity in record.processes:
        if process := find(identity):
            found[process.pid] = process
            found.update((child.pid, child) for child in family(process.pid))
    for process in psutil.process_iter():
        if process.pid not in found and _is_marked(process, record.run):
            found[process.pid] = process
    found.pop(os.getpid(), None)
    return [process for process in found.values() if is_alive(process)]


def _is_marked(process: psutil.Process, run: str) -> bool:
    try:
        if process.uids().real != os.getuid():
            return False
        return process.environ().get(RUN_ID) == run
    except (psutil.Error, OSError):
        return False


def end(processes: Iterable[psutil.Process], *, timeout: float = 3.0) -> list[psutil.Process]:
    """SIGKILL them all; returns those that are still there after `timeout` seconds.

    A PostgreSQL server among them is asked to stop first (SIGINT, its fast shutdown), so that
    it does not have to recover at its next start.
    """
    processes = list(processes)
    servers = [process for process in processes if _is_postmaster(process)]
    for process in servers:
        _signal(process, signal.SIGINT)
    others = [p for p in processes if not any(p.pid == s.pid for s in servers)]
    for process in others:
        if not is_postgres(process):
            _signal(process, signal.SIGKILL)
    _wait(servers, timeout)
    for process in processes:
        _signal(process, signal.SIGKILL)
    return _wait(processes, timeout)


def _wait(processes: list[psutil.Process], timeout: float) -> list[psutil.Process]:
    deadline = time.monotonic() + timeout
    alive = [process for process in processes if is_alive(process)]
    while alive and time.monotonic() < deadline:
        reap()
        time.sleep(0.02)
        alive = [process for process in alive if is_alive(process)]
    reap()
    return alive


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    with contextlib.suppress(psutil.Error):
        process.send_signal(number)


def is_postgres(process: psutil.Process) -> bool:
    """Whether a process of ours is PostgreSQL, which is asked to stop before it is killed."""
    with contextlib.suppress(psutil.Error):
        return process.name() == "postgres"
    return False


def _is_postmaster(process: psutil.Process) -> bool:
    """The server itself; the others are its backends and end with it."""
    with contextlib.suppress(psutil.Error):
        parent = process.parent()
        return is_postgres(process) and not (parent and is_postgres(parent))
    return False
