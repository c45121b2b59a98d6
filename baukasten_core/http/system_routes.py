"""`/`, `/health`: open to everybody."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from baukasten_core import __version__
from baukasten_core.health import Health, check_health
from baukasten_core.http.dependencies import ServicesDep
from baukasten_core.http.pages import home_page
from baukasten_core.render.sentences import Told

router = APIRouter(tags=["system"])


class Welcome(BaseModel):
    """What answers a program at `/`."""

    message: str
    version: str
    docs: str


class HealthRow(BaseModel):
    """One plugin, provider or application; `absent`: not there, and nobody said it should be."""

    kind: Literal["plugin", "provider", "application"]
    name: str
    status: Literal["ready", "absent", "degraded", "quarantined"]
    reason: Told | None = None


class HealthOut(BaseModel):
    """`degraded`: something optional is down, and its row says why."""

    status: Literal["healthy", "degraded", "unhealthy"]
    version: str
    database: Literal["up", "down"]
    components: list[HealthRow]


@router.get("/", response_model=Welcome)
async def welcome(request: Request, services: ServicesDep) -> Response:
    """The console's page to a browser, JSON to everybody else."""
    page = home_page() if "text/html" in request.headers.get("accept", "") else None
    if page is not None:
        page.headers["Vary"] = "Accept"
        return page
    body = Welcome(message=services.settings.title, version=__version__, docs="/docs")
    return JSONResponse(body.model_dump())


@router.get(
    "/health",
    response_model=HealthOut,
    responses={503: {"model": HealthOut, "description": "The database is gone"}},
)
async def health(services: ServicesDep, response: Response) -> Health:
    """Real checks, asked now (at most once in five seconds)."""
    result = await check_health(services)
    if result.status == "unhealthy":
        response.status_code = 503
        response.headers["Retry-After"] = "5"
    return result
