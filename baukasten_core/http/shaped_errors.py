"""Routes whose errors have the shape that some vendor's clients read."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, get_type_hints

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError

from baukasten_core.errors import BaukastenError
from baukasten_core.http.dependencies import KitByKey, kit_of
from baukasten_core.http.errors import problem_responses

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class ShapedRoute(APIRoute):
    """A route whose errors, those of its dependencies included, have a shape of their own."""

    @staticmethod
    def shape(status: int, message: str, code: str, param: str | None) -> dict[str, Any]:
        """The body. `code` is the problem's type, `param` the field that does not fit."""
        raise NotImplementedError

    @classmethod
    def body_of(cls, error: BaukastenError) -> dict[str, Any]:
        """One of our errors, as it stands in a response or in the middle of a stream."""
        message = f"{error.detail} {error.hint}" if error.hint else error.detail
        return cls.shape(error.status, message, error.type, None)

    def get_route_handler(self) -> Handler:
        return self.short_cut() or self._shaped(super().get_route_handler())

    def short_cut(self) -> Handler | None:
        """A handler for a route that takes a body and a Kit and makes its response itself: it does
        what FastAPI says of it, without the time that FastAPI takes."""
        handle = _short_cut(self.endpoint)
        return None if handle is None else self._shaped(handle)

    def _shaped(self, handle: Handler) -> Handler:
        async def handler(request: Request) -> Response:
            try:
                return await handle(request)
            except BaukastenError as error:
                return JSONResponse(self.body_of(error), error.status, headers=error.headers)
            except RequestValidationError as error:
                return self._invalid(error)

        return handler

    def _invalid(self, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        path = [str(part) for part in first["loc"] if part != "body"]
        message = f"{'.'.join(path) or 'body'}: {first['msg']}"
        param = path[0] if path else None
        return JSONResponse(self.shape(400, message, "invalid-request", param), 400)


def _short_cut(endpoint: Callable[..., Any]) -> Handler | None:
    hints = get_type_hints(endpoint, include_extras=True)
    if hints.keys() != {"body", "kit", "return"} or hints["return"] is not Response:
        return None
    model: type[BaseModel] = hints["body"]
    by_key = hints["kit"] == KitByKey

    async def handle(request: Request) -> Response:
        kit = await kit_of(request, by_key=by_key)
        try:
            body = model.model_validate_json(await _json(request))
        except ValidationError as error:
            raise RequestValidationError(error.errors(include_url=False)) from None
        response: Response = await endpoint(body=body, kit=kit)
        return response

    return handle


async def _json(request: Request) -> bytes:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind.startswith("application/") and kind.endswith(("/json", "+json")):
        return await request.body()
    wrong = {"type": "json_type", "loc": ("body",), "input": None}
    raise RequestValidationError([{**wrong, "msg": "Send JSON, with its `Content-Type`."}])


def shaped_responses(schema: dict[str, Any], *statuses: int) -> dict[int | str, dict[str, Any]]:
    """For a router's `responses`: these statuses come in this shape, or as a problem document where
    the request never reached a route."""
    responses = problem_responses(*statuses)
    for response in responses.values():
        response["content"] = {"application/json": {"schema": schema}, **response["content"]}
    return responses
