"""The browser's session: a refresh token in a cookie that no script can read.

Pages ask for it with the header `X-Session: cookie`, which no form of another site can send.
"""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Header, Request, Response

from baukasten_core.services import Services

COOKIE = "baukasten_session"
PATH = "/auth"
DAY_SECONDS = 86_400

SessionKind = Annotated[
    Literal["cookie"] | None,
    Header(
        alias="X-Session",
        description="`cookie`: the refresh token is kept in a cookie, not in the answer.",
    ),
]


def keep_in_cookie(response: Response, services: Services, refresh_token: str) -> None:
    """Have the browser keep it, and send it to `/auth` of this platform's own pages alone."""
    settings = services.settings
    response.set_cookie(
        COOKIE,
        refresh_token,
        max_age=settings.auth.refresh_days * DAY_SECONDS,
        path=PATH,
        secure=settings.public_url.startswith("https:"),
        httponly=True,
        samesite="strict",
    )


def from_cookie(request: Request) -> str:
    """The refresh token that the browser keeps; empty where there is none."""
    return request.cookies.get(COOKIE, "")


def drop_cookie(response: Response) -> None:
    response.delete_cookie(COOKIE, path=PATH, httponly=True, samesite="strict")
