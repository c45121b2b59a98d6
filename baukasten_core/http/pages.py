"""Static pages: the console under `/console/`, each showcase's own under `/apps/<name>/`.

They are built from `web/` and `plugins/*/ui` (`make ui`) into the packages, whose wheels carry
them. The browser is told to load nothing from anywhere else, and to run no script but theirs.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import structlog
from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from baukasten_core.contracts.showcase import Showcase

log = structlog.get_logger(__name__)

CONSOLE = Path(__file__).parent.parent / "pages"
INDEX = "index.html"
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "font-src 'self'",
        "img-src 'self' blob:",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
FOR_EVER, ASK_EACH_TIME = "public, max-age=31536000, immutable", "no-cache"


class Pages(StaticFiles):
    """A folder of built pages. A path that is no file is a page that the browser itself routes;
    files under `assets/` have their content's hash in their names, so browsers may keep them."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        try:
            response = await super().get_response(path, scope)
        except HTTPException as missing:
            if missing.status_code != 404 or Path(path).suffix:
                raise
            response = await super().get_response(INDEX, scope)
        kept = path.startswith(f"assets{os.sep}")
        response.headers["Cache-Control"] = FOR_EVER if kept else ASK_EACH_TIME
        response.headers.update(HEADERS)
        return response


def mount_pages(app: FastAPI, showcases: Mapping[str, Showcase]) -> None:
    """Serve the console and each showcase's folder."""
    if home_page() is None:
        log.warning("pages_not_built", advice="make ui builds the pages of a checkout")
    else:
        app.mount("/console", _served(CONSOLE), name="console")
    for name, showcase in showcases.items():
        if showcase.pages:
            app.mount(f"/apps/{name}", _served(showcase.pages), name=f"pages-{name}")


def home_page() -> Response | None:
    """The console's page, which shows the front page at `/`; None where it was not built."""
    if not (CONSOLE / INDEX).is_file():
        return None
    return FileResponse(CONSOLE / INDEX, headers={**HEADERS, "Cache-Control": ASK_EACH_TIME})


def _served(folder: Path) -> GZipMiddleware:
    return GZipMiddleware(Pages(directory=folder, html=True))
