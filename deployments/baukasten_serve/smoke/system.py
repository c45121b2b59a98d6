"""What is open to everybody, and that nothing else is."""

from __future__ import annotations

from baukasten_serve.smoke.session import Session


def health(session: Session) -> None:
    """GET /health."""
    session.check(session.json("GET", "/health")["status"] in ("healthy", "degraded"))


def home(session: Session) -> None:
    """GET / for a program and for a browser."""
    body = session.json("GET", "/", headers={"Accept": "application/json"})
    session.check({"message", "version", "docs"} <= set(body))
    page = session.call("GET", "/", headers={"Accept": "text/html"})
    session.check("text/html" in page.headers["content-type"])


def openapi(session: Session) -> None:
    """GET /openapi.json, /docs and /redoc."""
    session.call("GET", "/docs")
    session.call("GET", "/redoc")
    session.paths = session.json("GET", "/openapi.json")["paths"].keys()


def stranger(session: Session) -> None:
    """No token, no data."""
    for path in ("/projects", "/documents", "/auth/me", "/tenants", "/admin/stats", "/v1/models"):
        session.call("GET", path, 401)
    session.call("POST", "/v1/embeddings", 401, json={"input": "x", "model": ""})


STEPS = (health, home, openapi, stranger)
