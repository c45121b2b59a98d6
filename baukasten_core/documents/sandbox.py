"""Our side of the sandbox: sends a file in, waits for the text, kills what takes too long."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

from baukasten_core.documents import wire
from baukasten_core.documents.checks import SPLIT_IT
from baukasten_core.documents.limits import MIB, Limits
from baukasten_core.errors import Unavailable, Unprocessable

_MODULE = "baukasten_core.documents.sandbox_process"
_START_SECONDS = 30.0
_PIECE = 1 << 18


class Sandbox:
    """A process that forks a confined child for every file. Starts at first use, and anew after
    it died. Nothing of ours is in its environment, it is alone in its process group, and it ends
    when this process does, however that ends.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._lock = threading.Lock()

    async def run(self, request: wire.Request, path: Path) -> wire.Result:
        """What the request asks about the file.

        Raises:
            Unprocessable: what the file is or holds; also: too slow, or it killed its reader.
            Unavailable: the sandbox can't be started.
        """
        result, theirs = socket.socketpair()
        status, status_theirs = socket.socketpair()
        with contextlib.ExitStack() as stack:
            for end in (result, status):
                stack.callback(end.close)
            try:
                await asyncio.to_thread(self._send, request, path, theirs, status_theirs)
            finally:
                theirs.close()
                status_theirs.close()
            status_reader, status_writer = await asyncio.open_connection(sock=status)
            stack.callback(status_writer.close)
            result_reader, result_writer = await asyncio.open_connection(sock=result)
            stack.callback(result_writer.close)
            return await _outcome(request, status_reader, result_reader)

    def kill(self) -> None:
        """End the process and all its children, at once."""
        with self._lock:
            self._stop()

    def _send(
        self, request: wire.Request, path: Path, result: socket.socket, status: socket.socket
    ) -> None:
        with path.open("rb") as file, self._lock:
            descriptors = [file.fileno(), result.fileno(), status.fileno()]
            for attempt in (1, 2):
                control = self._started()
                try:
                    socket.send_fds(control, [request.encode()], descriptors)
                    return
                except OSError as error:
                    self._stop()
                    if attempt == 2:
                        raise Unavailable("The process that reads files can't start.") from error

    def _started(self) -> socket.socket:
        """The control socket of a living process."""
        if self._control is not None and self._process is not None:
            if self._process.poll() is None:
                return self._control
            self._stop()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-s", "-m", _MODULE, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                env=_environment(),
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        ours.settimeout(_START_SECONDS)
        self._control = ours
        return ours

    def _stop(self) -> None:
        if self._control is not None:
            self._control.close()
        if self._process is not None:
            # Its children ask Linux to be killed when it dies; each is in a group of its own.
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            self._process.wait()
        self._control = self._process = None


def _environment() -> dict[str, str]:
    """Where Python finds its modules, and few threads. No settings, no secrets."""
    return {
        "PATH": os.defpath,
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if os.path.isdir(path)),
        "PYTHONDONTWRITEBYTECODE": "1",
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "MALLOC_ARENA_MAX": "2",
        "RAYON_NUM_THREADS": "1",
        "TOKIO_WORKER_THREADS": "1",
        "OMP_NUM_THREADS": "1",
    }


# --- one file's child, seen from here ---------------------------------------------------------


async def _outcome(
    request: wire.Request, status: asyncio.StreamReader, result: asyncio.StreamReader
) -> wire.Result:
    pid = code = None
    data = bytearray()
    try:
        async with asyncio.timeout(_START_SECONDS):
            pid = await _number(status)
        async with asyncio.timeout(request.seconds):
            await _read_all(result, data, request.limits.text_bytes + wire.MAX_HEADER)
            code = await _number(status)
    except TimeoutError:
        if pid is None:
            raise Unavailable("The process that reads files does not start.") from None
        if request.task == "inspect" and data.endswith(b"\n"):
            return wire.decode_result(bytes(data))  # what was known by then
        raise _too_slow(request.seconds) from None
    finally:
        if pid is not None and code is None:
            _kill_group(pid)
    if code == 0:
        with contextlib.suppress(ValueError, KeyError, TypeError):
            return wire.decode_result(bytes(data))
    raise _died(code, request.limits)


async def _number(reader: asyncio.StreamReader) -> int:
    line = await reader.readline()
    if not line:
        raise Unavailable("The process that reads files ended unexpectedly.")
    return int(line)


async def _read_all(reader: asyncio.StreamReader, data: bytearray, most: int) -> None:
    while piece := await reader.read(_PIECE):
        data += piece
        if len(data) > most:
            raise Unprocessable("The file yields more text than may be read here.")


def _kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _too_slow(seconds: float) -> Unprocessable:
    return Unprocessable(
        f"Reading the file took longer than {seconds:g} s, the limit here.",
        hint=SPLIT_IT,
    )


def _died(code: int, limits: Limits) -> Unprocessable:
    if code == -signal.SIGXCPU:
        why = "it took too much time"
    elif code < 0:  # how native libraries end, for one when memory is refused
        why = f"signal {-code}; it may need more than {limits.memory_bytes // MIB} MiB of memory"
    else:
        why = f"exit status {code}"
    return Unprocessable(
        f"The file can't be read: the process that read it ended ({why}).",
        hint="The file may be broken: open it in its own program, save it anew and upload that.",
    )
