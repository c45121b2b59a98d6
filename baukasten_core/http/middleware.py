"""Plain ASGI middleware: a request id, security headers, the last resort for errors, and a limit on
the body."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from contextvars import Token

from fastapi import APIRouter
from opentelemetry import context, propagate
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from baukasten_core.errors import TooLarge
from baukasten_core.http.errors import unexpected
from baukasten_core.http.shaped_errors import ShapedRoute
from baukasten_core.render.sentences import READER, Reader, Sentences

SECURITY_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
)


STREAMED_PATHS = ("/documents/upload",)
"""Read piece by piece, with a limit of their own (`http.uploads`)."""


class RequestContext:
    """Gives every request an id, which is in the answer, the problem document and the log.

    What nobody expected ends here. Raised on, it would reach servers that log its message, and
    messages of databases and parsers quote the data they fail on.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = secrets.token_hex(8)
        scope.setdefault("state", {})["request_id"] = request_id
        trace = _join_trace(scope)

        started = False

        async def send_with_headers(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                there = {name.lower() for name, _ in message["headers"]}
                ours = [header for header in SECURITY_HEADERS if header[0] not in there]
                own = (b"x-request-id", request_id.encode())
                message["headers"] = [*message["headers"], own, *ours]
            await send(message)

        try:
            await self.app(scope, receive, send_with_headers)
        except Exception as error:
            answer = unexpected(error, request_id)
            # An answer that has begun stays without its end: the server cuts the connection.
            if not started:
                await answer(scope, receive, send_with_headers)
        finally:
            if trace is not None:
                context.detach(trace)


def _join_trace(scope: Scope) -> Token[context.Context] | None:
    """What is done for this request belongs to the trace that its caller names, if any."""
    for name, value in scope["headers"]:
        if name == b"traceparent":
            return context.attach(propagate.extract({"traceparent": value.decode("latin-1")}))
    return None


class ReadersLanguage:
    """Whatever is said on the way to the answer is put into the language that is asked for; see
    `render.sentences`."""

    def __init__(self, app: ASGIApp, sentences: Sentences) -> None:
        self.app = app
        self.sentences = sentences

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        wanted = next((v for k, v in scope.get("headers", ()) if k == b"accept-language"), b"")
        token = READER.set(Reader(self.sentences, wanted.decode("latin-1")))
        try:
            await self.app(scope, receive, send)
        finally:
            READER.reset(token)


class ShortCuts:
    """Sends requests of busy routes to their handlers at once: finding them among all routes, and
    what FastAPI sets up for each request, takes longer than the half of them."""

    def __init__(self, app: ASGIApp, routers: Iterable[APIRouter]) -> None:
        self.app = app
        routes = [route for router in routers for route in router.routes]
        self._handlers = {
            (method, route.path): handler
            for route in routes
            if isinstance(route, ShapedRoute) and (handler := route.short_cut()) is not None
            for method in route.methods or ()
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        handler = None
        if scope["type"] == "http":
            handler = self._handlers.get((scope["method"], scope["path"]))
        if handler is None:
            await self.app(scope, receive, send)
            return
        response = await handler(Request(scope, receive, send))
        await response(scope, receive, send)


class BodyLimit:
    """Refuses a body over the limit with 413, while it streams in; `STREAMED_PATHS` are exempt."""

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self.app = app
        self.limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or _route_path(scope) in STREAMED_PATHS:
            await self.app(scope, receive, send)
            return
        seen = 0

        async def limited_receive() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self.limit:
                raise TooLarge(f"The request is over the limit of {self.limit // 2**20} MiB.")
            return message

        await self.app(scope, limited_receive, send)


def _route_path(scope: Scope) -> str:
    """The path as routes are written, wherever the application is mounted."""
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", ""))
