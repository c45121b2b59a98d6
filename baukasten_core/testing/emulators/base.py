"""A small HTTP server on loopback that can misbehave and remembers every byte it received."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from baukasten_core.testing.emulators.replies import Answering, EmulatedModel, Reply

START_SECONDS = 10.0


@dataclass
class Faults:
    """How the server misbehaves; set at any time, it holds for what arrives afterwards.

    Attributes:
        refuse: connections are closed before anything is answered.
        status: every request is answered with this error (429, 500, 503, 529, ...).
        retry_after: the header that goes with it, seconds.
        redirect_to: every request is redirected there (307).
        first_delay: seconds before the first piece of an answer.
        piece_delay: seconds before each further piece.
        cut_after: the connection is closed after so many pieces.
        error_after: an error in the protocol's own form comes after so many pieces.
    """

    refuse: bool = False
    status: int | None = None
    retry_after: int | None = None
    redirect_to: str | None = None
    first_delay: float = 0.0
    piece_delay: float = 0.0
    cut_after: int | None = None
    error_after: int | None = None


@dataclass
class RecordedRequest:
    """A request as it came. `left`: the client went away before the answer's end."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    left: threading.Event = field(default_factory=threading.Event)
    finished: threading.Event = field(default_factory=threading.Event)

    def json(self) -> Any:
        return json.loads(self.body)


class Emulator:
    """Base of the emulators: a server in a thread, `with` starts and stops it.

    Attributes:
        models: what it has; replace to change.
        reply: a `Reply`, or a function of `Asked` that gives one.
        api_key: when set, requests without it are refused as the vendor does.
        faults: see `Faults`.
        received: every byte, of every connection, in order.
        connections: how many were opened.
        requests: those that were read completely, in order.
    """

    default_models: ClassVar[tuple[EmulatedModel, ...]] = (EmulatedModel("tiny"),)

    def __init__(
        self,
        *,
        models: tuple[EmulatedModel, ...] | None = None,
        reply: Answering | None = None,
        api_key: str | None = None,
        dimensions: int = 8,
    ) -> None:
        self.models = models if models is not None else self.default_models
        self.reply: Answering = reply or Reply()
        self.api_key = api_key
        self.dimensions = dimensions
        self._first = (self.models, self.reply, self.api_key)
        self.faults = Faults()
        self.received = bytearray()
        self.connections = 0
        self.requests: list[RecordedRequest] = []
        self._open: dict[int, asyncio.Transport] = {}
        self._port = 0
        self._stop: Callable[[], object] | None = None
        self._thread: threading.Thread | None = None

    # --- the protocol, for subclasses ---------------------------------------------------------

    def routes(self) -> list[BaseRoute]:
        """The protocol's routes."""
        raise NotImplementedError

    def error(self, status: int, message: str = "") -> Response:
        """An error as the vendor writes it."""
        raise NotImplementedError

    def refusal(self, request: Request) -> Response | None:
        """An error for a request without the right key, else None."""
        return None

    def model(self, name: str) -> EmulatedModel | None:
        return next((model for model in self.models if model.name == name), None)

    # --- running ------------------------------------------------------------------------------

    @property
    def address(self) -> tuple[str, int]:
        return "127.0.0.1", self._port

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def url(self) -> str:
        """What a client takes as its base URL."""
        return self.origin

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Listen; again on the same port after `stop`."""
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self._port))
        self._port = listener.getsockname()[1]
        started = threading.Event()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve(listener, started)), name="emulator", daemon=True
        )
        self._thread.start()
        if not started.wait(START_SECONDS):
            raise RuntimeError("the emulator did not start")

    def stop(self) -> None:
        """Close every connection and stop listening: clients find the port closed."""
        if self._stop is not None and self._thread is not None:
            self._stop()
            self._thread.join(START_SECONDS)
        self._stop = self._thread = None

    @contextlib.contextmanager
    def down(self) -> Iterator[None]:
        """Nobody listens for the length of the block."""
        self.stop()
        try:
            yield
        finally:
            self.start()

    def reset(self) -> None:
        """As if new: no faults, the first models and reply, nothing received."""
        self.faults = Faults()
        self.models, self.reply, self.api_key = self._first
        self.forget()

    def forget(self) -> None:
        """Forget what was received."""
        self.received.clear()
        self.requests.clear()
        self.connections = 0

    async def _serve(self, listener: socket.socket, started: threading.Event) -> None:
        loop, stop = asyncio.get_running_loop(), asyncio.Event()
        app = _Recorder(self, Starlette(routes=self.routes()))
        config = uvicorn.Config(app, lifespan="off", log_config=None, access_log=False)
        protocol, state = _recording_protocol(self), ServerState()
        server = await loop.create_server(lambda: protocol(config, state, {}), sock=listener)
        self._stop = lambda: loop.call_soon_threadsafe(stop.set)
        started.set()
        await stop.wait()
        server.close()
        for transport in list(self._open.values()):
            transport.abort()
        self._open.clear()

    # --- answers ------------------------------------------------------------------------------

    async def stream(
        self,
        request: Request,
        pieces: list[str],
        error: str,
        *,
        media_type: str,
        head: int = 0,
    ) -> Response:
        """`pieces` one by one, with the faults. The first `head` are framing, not output: delays
        and cuts are counted from the output. `error` is what an error looks like in the middle."""
        return StreamingResponse(
            self._paced(request, pieces, error, head),
            media_type=media_type,
            headers={"Cache-Control": "no-cache"},
        )

    async def _paced(
        self, request: Request, pieces: list[str], error: str, head: int
    ) -> AsyncIterator[str]:
        faults = self.faults
        for index, piece in enumerate(pieces):
            sent = index - head
            if sent == 0 and faults.first_delay:
                await asyncio.sleep(faults.first_delay)
            elif sent > 0 and faults.piece_delay:
                await asyncio.sleep(faults.piece_delay)
            if faults.cut_after is not None and sent == faults.cut_after:
                self._cut(request)
                return
            if faults.error_after is not None and sent == faults.error_after:
                yield error
                return
            yield piece

    async def whole(self, request: Request, body: Any) -> Response:
        """An answer in one piece, with the faults."""
        if self.faults.first_delay:
            await asyncio.sleep(self.faults.first_delay)
        if self.faults.cut_after is not None:
            return await self.stream(request, ['{"'], "", media_type="application/json", head=0)
        return JSONResponse(body)

    def _cut(self, request: Request) -> None:
        assert request.client is not None
        self._open[request.client.port].close()


def _recording_protocol(emulator: Emulator) -> type[H11Protocol]:
    """uvicorn's protocol, with the bytes of each connection written down."""

    class Recording(H11Protocol):
        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            emulator.connections += 1
            super().connection_made(transport)
            emulator._open[transport.get_extra_info("peername")[1]] = transport
            if emulator.faults.refuse:
                transport.abort()

        def data_received(self, data: bytes) -> None:
            emulator.received += data
            super().data_received(data)

    return Recording


class _Recorder:
    """ASGI wrapper: remembers each request, then applies the faults that need no protocol."""

    def __init__(self, emulator: Emulator, app: Starlette) -> None:
        self.emulator, self.app = emulator, app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        request = Request(scope, receive)
        body = await request.body()
        record = RecordedRequest(
            request.method, request.url.path, dict(request.headers.items()), body
        )
        self.emulator.requests.append(record)
        unread = [{"type": "http.request", "body": body, "more_body": False}]

        async def replay() -> Any:
            message = unread.pop() if unread else await receive()
            if message["type"] == "http.disconnect" and not record.finished.is_set():
                record.left.set()
            return message

        early = self._fault(request)
        await (early or self.app)(scope, replay, send)
        if not record.left.is_set():
            record.finished.set()

    def _fault(self, request: Request) -> Response | None:
        faults = self.emulator.faults
        if faults.redirect_to is not None:
            target = f"{faults.redirect_to}{request.url.path}"
            return Response(status_code=307, headers={"Location": target})
        if faults.status is not None:
            response = self.emulator.error(faults.status)
            if faults.retry_after is not None:
                response.headers["Retry-After"] = str(faults.retry_after)
            return response
        return self.emulator.refusal(request)
