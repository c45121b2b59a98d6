"""What nobody expected: an answer with an id that is in the log, and nobody's text in the log."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from structlog.testing import capture_logs

from baukasten_core.app import new_app

SECRET = "what somebody has confided"


@pytest.fixture(scope="module")
def app() -> FastAPI:
    """What all of our applications share, with two routes that break."""
    app = new_app("Test", 1, None)

    @app.get("/before")
    async def before() -> None:
        raise ValueError(SECRET)

    @app.get("/within")
    async def within() -> StreamingResponse:
        async def pieces() -> AsyncIterator[str]:
            yield "the beginning"
            raise ValueError(SECRET)

        return StreamingResponse(pieces())

    return app


@pytest.fixture(autouse=True)
def uvicorn_is_heard(served: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging.getLogger("uvicorn"), "propagate", True)


async def test_the_answer_has_an_id_that_is_in_the_log(
    served: str, caplog: pytest.LogCaptureFixture
) -> None:
    with capture_logs() as logged:
        async with httpx.AsyncClient(base_url=served) as client:
            answer = await client.get("/before")
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    (entry,) = logged
    assert (entry["error"], entry["request_id"]) == ("ValueError", answer.json()["request_id"])
    assert "test_unexpected_errors.py" in entry["frames"][-1]
    assert SECRET not in f"{logged} {caplog.text} {answer.text}"


async def test_an_answer_that_breaks_off_is_seen_to_be_cut(
    served: str, caplog: pytest.LogCaptureFixture
) -> None:
    with capture_logs() as logged:
        async with httpx.AsyncClient(base_url=served) as client:
            with pytest.raises(httpx.RemoteProtocolError):
                await client.get("/within")
    assert [entry["error"] for entry in logged] == ["ValueError"]
    assert SECRET not in f"{logged} {caplog.text}"
