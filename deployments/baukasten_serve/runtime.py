"""Where a running platform leaves its traces: lock, record, and a short folder for sockets.

`<home>/run/` holds the lock and the record of processes. Ray's and HAProxy's sockets need short
paths (Linux takes 107 bytes), so they live in a folder of their own, owner only.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import secrets
import shutil
import stat
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO

from baukasten_core.errors import StartupRefused


@dataclass(frozen=True, slots=True)
class ProcessId:
    """A process that can't be mistaken for a later one with the same number."""

    pid: int
    created: float
    name: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """What a platform says of itself while it runs, and leaves behind when it is killed.

    `run` is the value of `environment.RUN_ID` in its processes' environment; `supervisor` is the
    process of `baukasten up`. `metrics` is where Prometheus finds Ray's metrics and ours.
    """

    run: str
    supervisor: ProcessId
    url: str
    ray_address: str = ""
    processes: tuple[ProcessId, ...] = field(default=())
    metrics: str = ""


class Home:
    """The files of one platform's home."""

    def __init__(self, home: Path) -> None:
        self.run = home / "run"
        self._record = self.run / "platform.json"
        self._lock: IO[str] | None = None
        self.token = home / "ray_token"

    def lock(self) -> bool:
        """Hold the home until this process ends; False when another platform does."""
        self.run.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = (self.run / "lock").open("a")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            return False
        self._lock = file
        return True

    def read(self) -> Record | None:
        """What the running, or the last killed, platform wrote."""
        try:
            data = json.loads(self._record.read_text())
        except (FileNotFoundError, ValueError):
            return None
        return Record(
            run=data["run"],
            supervisor=ProcessId(**data["supervisor"]),
            url=data["url"],
            ray_address=data["ray_address"],
            metrics=data["metrics"],
            processes=tuple(ProcessId(**process) for process in data["processes"]),
        )

    def write(self, record: Record) -> None:
        """Replace the record in one step, so that a reader never sees half of it."""
        scratch = self._record.with_suffix(".new")
        scratch.write_text(json.dumps(asdict(record), indent=1))
        scratch.replace(self._record)

    def clear(self) -> None:
        """Forget the record: the platform is gone."""
        self._record.unlink(missing_ok=True)


def runtime_dir(home: Path) -> Path:
    """A short, owner-only folder that belongs to `home`: always the same one."""
    digest = hashlib.sha256(str(home.resolve()).encode()).hexdigest()[:8]
    path = Path(tempfile.gettempdir()) / f"bk-{os.geteuid()}-{digest}"
    path.mkdir(mode=0o700, exist_ok=True)
    status = path.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
        raise StartupRefused(f"{path} belongs to somebody else; remove it and start again")
    path.chmod(0o700)
    return path


def fresh_ray_folder(folder: Path) -> Path:
    """An empty folder for Ray's session in the runtime folder; the last run's logs are kept."""
    current, last = folder / "ray", folder / "ray.last"
    if current.exists():
        shutil.rmtree(last, ignore_errors=True)
        current.rename(last)
    for leftover in folder.glob("*/haproxy.cfg"):
        shutil.rmtree(leftover.parent, ignore_errors=True)
    current.mkdir(mode=0o700)
    return current


def ensure_token(path: Path) -> Path:
    """Ray's token, made on first use; only its owner may read it."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        path.chmod(0o600)
        return path
    with os.fdopen(handle, "w") as file:
        file.write(secrets.token_hex(32))
    return path
