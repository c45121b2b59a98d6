"""The sandboxed side: `python -m baukasten_core.documents.sandbox_process CONTROL_FD`.

This process imports the reading libraries once, gives up the network and the file system, and
then forks a child for every file: a child costs milliseconds, sees one file, and what a broken
file does to it ends with it. The parent holds the other end of CONTROL_FD; when that closes,
everything here ends.

A request is one datagram (`wire.Request`) with three descriptors: the file, where the result
goes, and where the child's process id and exit status are told (one line each).
"""

from __future__ import annotations

import contextlib
import gc
import os
import selectors
import signal
import socket
import sys
import sysconfig
from typing import NoReturn

from baukasten_core import confine
from baukasten_core.documents import readers, wire
from baukasten_core.documents.checks import too_much_memory
from baukasten_core.errors import BaukastenError

MAX_REQUEST = 65536


class Zygote:
    """Forks a child for every request, tells how each ended, kills those nobody waits for."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._children: dict[int, int] = {}  # process id -> descriptor for its status
        self._address_space = confine.address_space()
        self._wake, self._waker = socket.socketpair()
        self._wake.setblocking(False)
        self._waker.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._waker.fileno(), warn_on_full_buffer=False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._control, selectors.EVENT_READ)
        self._selector.register(self._wake, selectors.EVENT_READ)

    def run(self) -> None:
        """Serve until the parent is gone, then kill what is left."""
        while True:
            ready = {key.fileobj for key, _ in self._selector.select()}
            for pid, status in self._children.items():
                if status in ready:  # nobody waits for it any more
                    self._selector.unregister(status)
                    _kill(pid)
            if self._wake in ready:
                self._reap()
            if self._control in ready and not self._accept():
                break
        for pid in self._children:
            _kill(pid)

    def _accept(self) -> bool:
        data, descriptors, _, _ = socket.recv_fds(self._control, MAX_REQUEST, 3)
        if not data:
            return False
        file, result, status = descriptors
        pid = os.fork()
        if pid == 0:
            os.close(status)
            self._become_child(data, file, result)
        os.close(file)
        os.close(result)
        self._children[pid] = status
        # Nothing is ever sent to us here: it becomes readable when the other end closes.
        self._selector.register(status, selectors.EVENT_READ)
        with contextlib.suppress(OSError):  # the child does the same; whoever comes first
            os.setpgid(pid, pid)
        _tell(status, pid)
        return True

    def _become_child(self, data: bytes, file: int, result: int) -> NoReturn:
        code = 1
        try:
            os.setpgid(0, 0)
            confine.die_with_parent()
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            self._selector.close()
            for end in (self._control, self._wake, self._waker):
                end.close()
            for status in self._children.values():
                os.close(status)
            _answer(wire.Request.decode(data), file, result, self._address_space)
            code = 0
        finally:
            os._exit(code)

    def _reap(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._wake.recv(4096)
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return
                descriptor = self._children.pop(pid)
                with contextlib.suppress(KeyError):
                    self._selector.unregister(descriptor)
                _tell(descriptor, os.waitstatus_to_exitcode(status))
                os.close(descriptor)


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


def _tell(descriptor: int, number: int) -> None:
    with contextlib.suppress(OSError):
        os.write(descriptor, b"%d\n" % number)


def _answer(request: wire.Request, file: int, result: int, address_space: int) -> None:
    """In the child: read the one file and write the result."""
    limits = request.limits
    confine.limit(
        address_space=address_space + limits.memory_bytes,
        file_bytes=limits.file_bytes,
        seconds=request.seconds,
    )
    with os.fdopen(result, "wb") as out:

        def send(answer: wire.Result | BaukastenError) -> None:
            out.write(wire.encode_result(answer))
            out.flush()

        try:
            with os.fdopen(file, "rb") as stream:
                data = stream.read(limits.file_bytes + 1)
            send(readers.handle(request, data, send))
        except BaukastenError as error:
            send(error)
        except MemoryError:
            send(too_much_memory(limits))


def _readable_paths() -> set[str]:
    """Where Python and its libraries are: all that reading a file can need."""
    paths = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    return paths | {path for path in sys.path if path} | {"/usr/lib", "/lib", "/usr/share/zoneinfo"}


def main() -> None:
    control = socket.socket(fileno=int(sys.argv[1]))
    confine.go_first()
    confine.without_network()
    readers.load()
    gc.freeze()
    zygote = Zygote(control)
    confine.read_only(_readable_paths())
    zygote.run()


if __name__ == "__main__":
    main()
