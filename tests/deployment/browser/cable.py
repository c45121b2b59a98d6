"""A cable between a browser and the platform that can be cut in the middle of an answer."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

PIECE = 65_536


class Cable:
    """Passes bytes on. `cut`: every connection ends, and whoever comes is sent away."""

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        self._to = (address.hostname or "", address.port or 80)
        self._server = socket.create_server(("127.0.0.1", 0))
        self._open: set[socket.socket] = set()
        self._whole = True
        self.url = f"http://127.0.0.1:{self._server.getsockname()[1]}"

    def cut(self) -> None:
        self._whole = False
        for end in list(self._open):
            _close(end)

    def mend(self) -> None:
        self._whole = True

    def run(self) -> None:
        with contextlib.suppress(OSError):  # closed
            while True:
                near, _ = self._server.accept()
                if not self._whole:
                    _close(near)
                    continue
                far = socket.create_connection(self._to)
                self._open |= {near, far}
                for ends in ((near, far), (far, near)):
                    threading.Thread(target=self._pass_on, args=ends, daemon=True).start()

    def close(self) -> None:
        # Closing alone would not wake whoever accepts.
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self.cut()

    def _pass_on(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while piece := source.recv(PIECE):
                sink.sendall(piece)
        for end in (source, sink):
            _close(end)
            self._open.discard(end)


def _close(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()


@contextmanager
def cable_to(url: str) -> Iterator[Cable]:
    """A cable to that address, under one of its own."""
    cable = Cable(url)
    thread = threading.Thread(target=cable.run, daemon=True)
    thread.start()
    try:
        yield cable
    finally:
        cable.close()
        thread.join()
