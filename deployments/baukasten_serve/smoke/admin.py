"""Admin: refused, unless the account is an admin's; then nobody there is touched."""

from __future__ import annotations

from uuid import uuid4

from baukasten_serve.smoke.session import Session


def overview(session: Session) -> None:
    """GET /admin/stats, /admin/users and /admin/audit."""
    for path in ("/admin/stats", "/admin/users", "/admin/audit"):
        answer = session.call("GET", path, (200, 403))
        if answer.status_code == 403:
            session.check(answer.json()["detail"] == "Admin privileges required")


def accounts(session: Session) -> None:
    """GET, PATCH and DELETE /admin/users/{id}."""
    path = f"/admin/users/{uuid4()}"
    for method, body in (("GET", None), ("PATCH", {}), ("DELETE", None)):
        session.call(method, path, (403, 404), json=body)


STEPS = (overview, accounts)
